/*
 * How much of a network is computed again for the gradients, in place of being kept (autodiff/recompute.ts): a choice of time and memory
 * that changes no bit of a run in float32; with float16 activations the engine rounds at other places.
 */
import { totalmem } from "node:os";
import { percent } from "../format.js";
import type { Architecture } from "../models/index.js";
import { elements, nodesFor, type Value } from "../onnx/index.js";
import type { Progress } from "../progress.js";
import type { Device } from "../runtime/index.js";
import { partsNamed } from "./groups.js";
import type { StepGraph } from "./step.js";

export interface RecomputeOptions {
  /**
   * `none`; `all`; parts by commas, as `freeze` names them; or `auto`, which is all where the activations of a step on the CPU would take
   * more than half of the memory. `auto` unless given.
   */
  readonly recompute?: string;
}

/** Share of the memory that activations may take: gradients, and what the engine's arena leaves unused, come to half as much beside. */
const MOST = 0.5;

/** A step graph that keeps as many activations as it may. @param build - writes it, with the parts that are computed again */
export function stepWithin(
  build: (recompute?: (part: string) => boolean) => StepGraph,
  arch: Architecture,
  { recompute = "auto", device = "cpu" }: RecomputeOptions & { readonly device?: Device },
  progress: Progress,
  memoryBytes: number = availableBytes(),
): StepGraph {
  if (recompute !== "auto") return build(recomputedParts(arch, recompute));
  const step = build();
  const bytes = keptBytes(step);
  if (device !== "cpu" || bytes <= MOST * memoryBytes) return step;
  progress.note(
    `the activations of a step take ${(bytes / 2 ** 30).toFixed(1)} GiB, more than ${percent(MOST)} of the memory: they are computed again for the gradients (--recompute none keeps them)`,
  );
  return build(all);
}

/**
 * Whether a part is computed again, under another choice than `auto`; undefined where none is.
 * @throws {RequestError} for parts that the architecture does not have
 */
export function recomputedParts(arch: Architecture, recompute: string): ((part: string) => boolean) | undefined {
  if (recompute === "none" || recompute === "auto") return undefined;
  if (recompute === "all") return all;
  const named = partsNamed(arch, recompute.split(","), "recompute none, all,");
  return (part) => named.has(part);
}

const all = (): boolean => true;

/** What the forward pass of a step leaves for its gradients, in bytes; that of adversarial pictures too, which comes before any of both. */
export function keptBytes({ graph }: Pick<StepGraph, "graph">): number {
  const { loss, auxiliaryLoss } = graph.outputs;
  const forward = new Set(nodesFor(auxiliaryLoss === undefined ? [loss!] : [loss!, auxiliaryLoss]));
  const kept = new Set<Value>();
  for (const { inputs } of nodesFor(Object.values(graph.outputs)).filter((node) => !forward.has(node))) {
    for (const input of inputs) {
      const value = input && laidOut(input);
      if (value?.source.kind === "node" && forward.has(value.source.node)) kept.add(value);
    }
  }
  return [...kept].reduce((sum, { shape, type }) => sum + elements(shape) * BYTES[type], 0);
}

const BYTES = { float64: 8, int64: 8, float32: 4, int32: 4, float16: 2, uint8: 1, int8: 1, bool: 1 } as const;

/** The value whose memory a value of another shape shares. */
function laidOut(value: Value): Value {
  const node = value.source.kind === "node" ? value.source.node : null;
  return node?.op === "Reshape" || node?.op === "Flatten" ? laidOut(node.inputs[0]!) : value;
}

/** Of the machine, or what a container leaves of it. */
function availableBytes(): number {
  const most = process.constrainedMemory();
  // Without a limit it is 0 or more than there is.
  return most > 0 ? Math.min(most, totalmem()) : totalmem();
}
