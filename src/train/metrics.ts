import { createReadStream } from "node:fs";
import { type FileHandle, open, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { eventRecord, eventsHeader, type ScalarEvent } from "./events.js";

/** A step, or an epoch with what its validation found. */
export type MetricsLine =
  | {
      readonly kind: "step";
      readonly step: number;
      readonly epoch: number;
      readonly learningRate: number;
      readonly loss: number;
      /** Of adversarial pictures, where there are. */
      readonly adversarialLoss?: number;
    }
  | {
      readonly kind: "epoch";
      readonly step: number;
      readonly epoch: number;
      readonly trainLoss: number;
      readonly trainTop1: number;
      readonly learningRate: number;
      readonly badPictures: number;
      readonly val: { readonly top1: number; readonly top5: number; readonly loss: number; readonly n: number };
    };

/**
 * A run's metrics: `metrics.jsonl` has all of them; `metrics.csv` a row an epoch, for spreadsheets, and `events.out.tfevents.fixres`
 * the curves for TensorBoard, both of which follow from the first.
 */
export interface Metrics {
  /** Drops what lies behind a length of `metrics.jsonl`, which steps that are done again will write anew. Comes before `log`. */
  rewind(bytes: number): Promise<void>;
  /** @returns the length of `metrics.jsonl` after it */
  log(line: MetricsLine): Promise<number>;
  /** The lines that tell of whole epochs. */
  epochs(): Promise<unknown[]>;
  close(): Promise<void>;
}

export async function openMetrics(directory: string): Promise<Metrics> {
  const all = join(directory, "metrics.jsonl");
  const table = join(directory, "metrics.csv");
  const events = join(directory, "events.out.tfevents.fixres");
  const handle = await open(all, "a");
  const derived: FileHandle[] = [];
  const derive = async (line: MetricsLine): Promise<void> => {
    await derived[1]!.appendFile(eventRecord(eventOf(line)));
    if (line.kind === "epoch") await derived[0]!.appendFile(`${rowOf(line).join()}\n`);
  };
  return {
    async rewind(bytes) {
      await truncate(all, bytes);
      await writeFile(table, `${COLUMNS.join()}\n`);
      await writeFile(events, eventsHeader());
      derived.push(await open(table, "a"), await open(events, "a"));
      for await (const line of createInterface({ input: createReadStream(all), crlfDelay: Number.POSITIVE_INFINITY }))
        if (line !== "") await derive(JSON.parse(line) as MetricsLine);
    },
    async log(line) {
      await handle.appendFile(`${JSON.stringify(line)}\n`);
      await derive(line);
      return (await handle.stat()).size;
    },
    async epochs() {
      const lines = (await readFile(all, "utf8")).split("\n").filter((line) => line !== "");
      return lines.map((line) => JSON.parse(line) as MetricsLine).filter(({ kind }) => kind === "epoch");
    },
    async close() {
      for (const file of [handle, ...derived]) await file.close();
    },
  };
}

const COLUMNS = [
  ...["epoch", "step", "learning_rate", "train_loss", "train_top1"],
  ...["val_loss", "val_top1", "val_top5", "val_pictures", "bad_pictures"],
] as const;

const rowOf = ({
  epoch,
  step,
  learningRate,
  trainLoss,
  trainTop1,
  val,
  badPictures,
}: MetricsLine & { kind: "epoch" }) => [
  ...[epoch, step, learningRate, trainLoss, trainTop1],
  ...[val.loss, val.top1, val.top5, val.n, badPictures],
];

function eventOf(line: MetricsLine): ScalarEvent {
  if (line.kind === "step")
    return {
      step: line.step,
      scalars: {
        "train/loss": line.loss,
        learning_rate: line.learningRate,
        ...(line.adversarialLoss === undefined ? {} : { "train/adversarial_loss": line.adversarialLoss }),
      },
    };
  const { step, trainTop1, val } = line;
  return {
    step,
    scalars: { "train/top1": trainTop1, "val/loss": val.loss, "val/top1": val.top1, "val/top5": val.top5 },
  };
}
