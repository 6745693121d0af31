import { describe, expect, it } from "vitest";
import { noise, worst } from "../../engine.testing.js";
import { openCoordinates } from "./coordinates.js";
import { inverseFactor, transposed } from "./factor.js";
import { openProduct } from "./products.js";
import { CLASSES, FEATURES, ROWS, smallRows, WIDTH } from "./small.testing.js";

const size = WIDTH + 1;

/** a b, by loops. */
function times(a: Float64Array, b: Float64Array, rows: number, inner: number, columns: number): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a[i * inner + k]! * b[k * columns + j]!;
    return sum;
  });
}

describe("inverseFactor", () => {
  // One block, two, and halves that are not alike.
  it.each([5, 64, 65, 150])("gives a lower triangle R with R' R A = I, of %i rows", async (n) => {
    const half = Float64Array.from(noise("half", [n, n]));
    const matrix = times(half, transposed(half, n, n), n, n, n);
    for (let i = 0; i < n; i++) matrix[i * n + i]! += n / 10;
    const product = await openProduct("float64", { threads: 1 });
    const factor = await inverseFactor(matrix, n, 1e-9, product);
    await product.dispose();
    const inverse = times(transposed(factor, n, n), factor, n, n, n);
    const identity = Float64Array.from({ length: n * n }, (_, at) => Number(Math.floor(at / n) === at % n));
    expect(worst(times(inverse, matrix, n, n, n), identity)).toBeLessThan(1e-10);
    expect(factor.every((v, at) => at % n <= Math.floor(at / n) || v === 0)).toBe(true);
  });

  it("raises pivots that are not positive to the floor", async () => {
    const product = { of: () => Promise.reject(new Error("a small matrix needs no product")) };
    expect([...(await inverseFactor(Float64Array.of(4, 0, 0, -1), 2, 0.25, product))]).toEqual([0.5, 0, 0, 2]);
  });
});

describe("openCoordinates", () => {
  it("makes displacement and gradient adjoint, and M the identity", async () => {
    const [curvature, strength] = [0.2, 0.03];
    const system = await openCoordinates(smallRows(), { threads: 1 });
    const { displacement, gradient } = await system.coordinates(curvature, strength);
    const z = Float64Array.from(noise("z", [CLASSES, size]));
    const g = Float64Array.from(noise("g", [CLASSES, size]));
    const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
    const moved = await displacement(z);
    expect(dot(moved, g)).toBeCloseTo(dot(z, await gradient(g)), 4);

    // ½ Σ d M d of a displacement d = Z R is ½ |Z|², since R M R' = I.
    const x = Float64Array.from({ length: ROWS * size }, (_, at) => {
      const [i, j] = [Math.floor(at / size), at % size];
      return j === WIDTH ? 1 : FEATURES[i * WIDTH + j]!;
    });
    const moments = times(transposed(x, ROWS, size), x, size, ROWS, size);
    const matrix = moments.map((v, at) => {
      const [i, j] = [Math.floor(at / size), at % size];
      return (curvature * v) / ROWS + (i === j && i < WIDTH ? strength : 0);
    });
    const bent = times(moved, matrix, CLASSES, size, size);
    expect(dot(moved, bent) / dot(z, z)).toBeCloseTo(1, 4);
    await system.dispose();
  });
});
