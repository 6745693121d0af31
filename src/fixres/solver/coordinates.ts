import { GraphBuilder, serialize } from "../../onnx/index.js";
import { openSession, type Session, type SessionOptions } from "../../runtime/index.js";
import { inverseFactor, transposed } from "./factor.js";
import { openProduct, type Product } from "./products.js";
import type { Rows } from "./rows.js";

/** What an eigenvalue of the features' second moments counts as at least, as a share of their mean. */
const FLOOR = 1e-6;

/**
 * Coordinates Z in which the loss bends about alike in all directions: parameters = origin + Z R. The loss of a row bends by
 * (diag(p) - p p') ⊗ x x' at probabilities p. With the mean κ of p (1 - p) for the first factor, and x with a 1 for the bias, that and
 * the L2 term are I ⊗ M, M = κ E[x x'] + strength I; R' R = M⁻¹. So it is the features' whitening, where the penalty allows it.
 */
export interface Coordinates {
  /** Z R. */
  displacement(z: Float64Array): Promise<Float64Array>;
  /** The gradient by Z of a function of the parameters whose gradient is given: G R'. */
  gradient(byParameters: Float64Array): Promise<Float64Array>;
}

/** The second moments of rows, of which coordinates are made. */
export interface CoordinateSystem {
  /** @param curvature - κ  @param strength - of the L2 term, which the bias has not */
  coordinates(curvature: number, strength: number): Promise<Coordinates>;
  dispose(): Promise<void>;
}

/** Computes the second moments of all rows, in one pass. */
export async function openCoordinates(
  rows: Rows,
  { threads, signal }: Pick<SessionOptions, "threads"> & { readonly signal?: AbortSignal },
): Promise<CoordinateSystem> {
  const size = rows.width + 1;
  const moments = await secondMoments(rows, { threads, signal });
  const exact = await openProduct("float64", { threads });
  const single = await openProduct("float32", { threads });
  let trace = 0;
  for (let i = 0; i < size; i++) trace += moments[i * size + i]!;
  return {
    async coordinates(curvature, strength) {
      const matrix = moments.map((value) => curvature * value);
      const floor = (FLOOR * curvature * trace) / size;
      for (let i = 0; i < size; i++) matrix[i * size + i]! += floor + (i < rows.width ? strength : 0);
      const factor = Float32Array.from(await inverseFactor(matrix, size, floor, exact));
      const turned = transposed(factor, size, size);
      return {
        displacement: (z) => applied(single, z, turned, size),
        gradient: (g) => applied(single, g, factor, size),
      };
    },
    async dispose() {
      await exact.dispose();
      await single.dispose();
    },
  };
}

/** v M', for the rows of v. */
async function applied(
  product: Product<Float32Array>,
  v: Float64Array,
  matrix: Float32Array,
  size: number,
): Promise<Float64Array> {
  return Float64Array.from(await product.of(Float32Array.from(v), matrix, [v.length / size, size, size]));
}

/** E[x x'] of the rows with a 1 behind their features: [width + 1, width + 1]. */
async function secondMoments(
  rows: Rows,
  { threads, signal }: Pick<SessionOptions, "threads"> & { readonly signal?: AbortSignal },
): Promise<Float64Array> {
  const size = rows.width + 1;
  const sums = new Float64Array(size * size);
  const sessions = new Map<number, Session>();
  try {
    for await (const { features, count } of rows.rows()) {
      signal?.throwIfAborted();
      const known = sessions.get(count);
      const session =
        known ?? (await openSession({ model: momentsModel(count, rows.width) }, { threads, where: "here" }));
      if (known === undefined) sessions.set(count, session);
      const found = (await session.run({ features })).moments as Float32Array;
      for (let i = 0; i < sums.length; i++) sums[i]! += found[i]!;
    }
  } finally {
    for (const session of sessions.values()) await session.dispose();
  }
  for (let i = 0; i < sums.length; i++) sums[i]! /= rows.count;
  return sums;
}

function momentsModel(rows: number, width: number): Uint8Array {
  const b = new GraphBuilder();
  const features = b.input("features", "float32", [rows, width]);
  const x = b.concat([features, b.expand(b.scalar(1), [rows, 1])], 1);
  const moments = b.gemm(x, x, null, { transA: true });
  return serialize({ name: "second moments", inputs: [features], outputs: { moments } });
}
