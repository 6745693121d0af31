import type { Product } from "./products.js";

/** Matrices of so many rows are factored by loops; larger ones in halves, by products. */
const BLOCK = 64;

/**
 * R = L⁻¹ of a symmetric, positive definite matrix A = L L' (Cholesky): lower triangular, and R' R = A⁻¹. In halves,
 *   A = [A₁ B'; B A₂]:  R₁ = R(A₁),  L₂₁ = B R₁',  R₂ = R(A₂ - L₂₁ L₂₁'),  R = [R₁ 0; -R₂ L₂₁ R₁  R₂].
 * @param matrix - [size, size]  @param floor - pivots are at least so much: what rounding makes of zero, and of less
 */
export async function inverseFactor(
  matrix: Float64Array,
  size: number,
  floor: number,
  product: Pick<Product<Float64Array>, "of">,
): Promise<Float64Array> {
  if (size <= BLOCK) return smallInverseFactor(matrix, size, floor);
  const first = Math.ceil(size / 2);
  const second = size - first;
  const part = (row: number, column: number, rows: number, columns: number): Float64Array => {
    const taken = new Float64Array(rows * columns);
    for (let i = 0; i < rows; i++) {
      const from = (row + i) * size + column;
      taken.set(matrix.subarray(from, from + columns), i * columns);
    }
    return taken;
  };
  const upper = await inverseFactor(part(0, 0, first, first), first, floor, product);
  const below = await product.of(part(first, 0, second, first), upper, [second, first, first]);
  const rest = part(first, first, second, second);
  const taken = await product.of(below, below, [second, second, first]);
  for (let i = 0; i < rest.length; i++) rest[i]! -= taken[i]!;
  const lower = await inverseFactor(rest, second, floor, product);
  const inner = await product.of(transposed(upper, first, first), below, [first, second, first]);
  const corner = await product.of(lower, inner, [second, first, second]);

  const factor = new Float64Array(size * size);
  for (let i = 0; i < first; i++) factor.set(upper.subarray(i * first, (i + 1) * first), i * size);
  for (let i = 0; i < second; i++) {
    const row = (first + i) * size;
    for (let j = 0; j < first; j++) factor[row + j] = -corner[i * first + j]!;
    factor.set(lower.subarray(i * second, (i + 1) * second), row + first);
  }
  return factor;
}

/** The same by loops: Cholesky, then forward substitution. */
function smallInverseFactor(matrix: Float64Array, size: number, floor: number): Float64Array {
  const l = new Float64Array(size * size);
  const r = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * size + k]! * l[j * size + k]!;
      l[i * size + j] = i === j ? Math.sqrt(Math.max(sum, floor)) : sum / l[j * size + j]!;
    }
    const pivot = l[i * size + i]!;
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum -= l[i * size + k]! * r[k * size + j]!;
      r[i * size + j] = sum / pivot;
    }
    r[i * size + i] = 1 / pivot;
  }
  return r;
}

/** [rows, columns] as [columns, rows]. */
export function transposed<T extends Float32Array | Float64Array>(matrix: T, rows: number, columns: number): T {
  const turned = new (matrix.constructor as new (length: number) => T)(matrix.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = matrix[i * columns + j]!;
  return turned;
}
