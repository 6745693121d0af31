import type { Evaluation } from "../evaluate/index.js";
import type { Progress } from "../progress.js";
import type { RunConfig } from "./config.js";
import type { RecomputeOptions } from "./recompute.js";
import type { Rounds } from "./rounds.js";
import type { CheckedEngine } from "./self-check.js";

/** A run's surroundings, none of which changes what it computes. */
export interface TrainSurroundings extends CheckedEngine, RecomputeOptions {
  /** Where the run is kept; a run that is there already goes on. */
  readonly directory: string;
  /** Kept with the run as `config.json`, so that it can be gone on with by its directory alone. */
  readonly config?: RunConfig;
  /** Bytes of decoded pictures to keep in memory; 1 GiB unless given. */
  readonly cacheBytes?: number;
  /** Seconds between checkpoints within an epoch; 60 unless given. */
  readonly checkpointSeconds?: number;
  /** Has the steps taken by replicas elsewhere, in rounds; they are taken here unless given. */
  readonly rounds?: Rounds;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  /** Called with what each epoch came to, those of an earlier part of the run first. */
  readonly onEpoch?: (epoch: EpochResult) => void;
}

/** What one epoch came to. */
export interface EpochResult {
  /** From 1. */
  readonly epoch: number;
  readonly trainLoss: number;
  /** Where batches are mixed, by the label with the larger share of each picture. */
  readonly trainTop1: number;
  /** Of its last step. */
  readonly learningRate: number;
  readonly badPictures: number;
  readonly val: Pick<Evaluation, "top1" | "top5" | "loss" | "n" | "ci95">;
}

export interface TrainResult {
  readonly run: string;
  /** Directory of the model after the last epoch. */
  readonly model: string;
  readonly epochs: readonly EpochResult[];
  /** The best epoch by the run's metric. */
  readonly best: { readonly epoch: number; readonly top1: number; readonly model: string };
  /** Models of the best epochs that were kept, the best first. */
  readonly kept: readonly { readonly epoch: number; readonly value: number; readonly model: string }[];
  /** Training pictures a second, of this part of the run; evaluation is not counted. Null where there was nothing left to train. */
  readonly imagesPerSecond: number | null;
  readonly seconds: number;
}
