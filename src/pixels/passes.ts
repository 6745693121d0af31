import type { Coefficients } from "./filters.js";
import { PASSES } from "./passes-module.js";

type Pass = (
  from: number,
  fromStride: number,
  starts: number,
  weights: number,
  count: number,
  pairs: number,
  to: number,
  toStride: number,
  length: number,
) => void;

/** The WebAssembly of assembly/passes.ts, where what the arguments mean stands. Addresses are taken modulo 2^32. */
export interface Passes {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  across: Pass;
  down: Pass;
}

/** All that is used of what browsers and Node have alike; TypeScript has it among the types of browsers alone. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (module: object) => { readonly exports: unknown };
  };
};

const PAGE = 1 << 16;

/** An instance with more memory, which cannot shrink, is not kept for the next call. */
const KEPT_BYTES = 32 << 20;

let kept: Passes | null = null;

/** The passes with at least so many bytes of memory, whose content is anything. This thread's, until they are asked for again. */
export function passesWith(bytes: number): { readonly passes: Passes; readonly memory: Uint8Array<ArrayBuffer> } {
  const passes = kept ?? instantiate();
  const missing = bytes - passes.memory.buffer.byteLength;
  if (missing > 0) passes.memory.grow(Math.ceil(missing / PAGE));
  kept = bytes > KEPT_BYTES ? null : passes;
  return { passes, memory: new Uint8Array(passes.memory.buffer) };
}

// At once, as callers want pixels: a module this small may be compiled so on a page's main thread too.
function instantiate(): Passes {
  const module = new WebAssembly.Module(Uint8Array.from(atob(PASSES), (char) => char.charCodeAt(0)));
  return new WebAssembly.Instance(module).exports as Passes;
}

/** Copies outputs `first` to `end` of a table into memory. */
export function placeTable(
  memory: Uint8Array<ArrayBuffer>,
  { starts, weights, pairs }: Coefficients,
  at: TablePlace,
  [first, end]: readonly [number, number],
): void {
  new Int32Array(memory.buffer, at.starts).set(starts.subarray(first, end));
  new Int16Array(memory.buffer, at.weights).set(weights.subarray(first * pairs * 4, end * pairs * 4));
}

/** Addresses of a table's parts in memory. */
export interface TablePlace {
  readonly starts: number;
  readonly weights: number;
}
