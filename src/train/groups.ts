/*
 * The parts of a network that freezing and layer-wise rates speak of: stem, each block, head (the last 1x1 convolution and its
 * BatchNorm), classifier.
 */
import { RequestError } from "../errors.js";
import { type Architecture, blocksOf } from "../models/index.js";

/** The parts of an architecture from the pictures on: `stem`, `blocks.0.0`, ..., `head`, `classifier`. */
export const partsOf = (arch: Architecture): string[] => [
  "stem",
  ...blocksOf(arch).map(({ name }) => name),
  "head",
  "classifier",
];

/** The part that a parameter or layer of timm's name belongs to. */
export function partOfNetwork(name: string): string {
  const block = /^blocks\.\d+\.\d+/.exec(name);
  if (block !== null) return block[0];
  if (name.startsWith("classifier")) return "classifier";
  return /^(conv_head|bn2)\b/.test(name) ? "head" : "stem";
}

/**
 * The parts that patterns name: `stem`, `head`, `classifier`, a stage `blocks.2`, some stages `blocks.0-3`, a block `blocks.2.1`.
 * @param verb - what is to be done with them, for the message
 * @throws {RequestError} for a pattern that names nothing
 */
export function partsNamed(arch: Architecture, patterns: readonly string[], verb: string): ReadonlySet<string> {
  const parts = partsOf(arch);
  const named = new Set<string>();
  for (const pattern of patterns) {
    const found = parts.filter((part) => names(pattern, part));
    const last = /^blocks\.\d+-(\d+)$/.exec(pattern)?.[1];
    if (found.length === 0 || (last !== undefined && !parts.includes(`blocks.${Number(last)}.0`))) {
      throw new RequestError(
        `"${pattern}" names no part of ${arch.name}; ${verb} stem, head, classifier, stages such as blocks.0-3, or blocks such as blocks.2.1. Its blocks: ${parts.slice(1, -2).join(", ")}.`,
      );
    }
    for (const part of found) named.add(part);
  }
  return named;
}

/** The parts that are frozen by patterns. @throws {RequestError} as `partsNamed`, or where nothing is left to train */
export function frozenParts(arch: Architecture, patterns: readonly string[]): ReadonlySet<string> {
  const frozen = partsNamed(arch, patterns, "freeze");
  if (frozen.size === partsOf(arch).length)
    throw new RequestError(`${patterns.join(",")} freezes all of ${arch.name}; leave a part to train.`);
  return frozen;
}

function names(pattern: string, part: string): boolean {
  if (pattern === part) return true;
  const [, first, last] = /^blocks\.(\d+)(?:-(\d+))?$/.exec(pattern) ?? [];
  const [, stage] = /^blocks\.(\d+)\./.exec(part) ?? [];
  if (first === undefined || stage === undefined) return false;
  return Number(stage) >= Number(first) && Number(stage) <= Number(last ?? first);
}

/**
 * What each parameter's learning rate is multiplied by: decay^k, k layers before the classifier (arXiv 2106.08254). Layers are
 * counted as timm counts them: stem, every block, classifier; the head goes with the last block.
 */
export function layerFactor(arch: Architecture, decay: number): (parameter: string) => number {
  const layers = partsOf(arch).filter((part) => part !== "head");
  const factors = new Map(layers.map((part, i) => [part, decay ** (layers.length - 1 - i)]));
  return (parameter) => factors.get(partOfNetwork(parameter)) ?? decay;
}
