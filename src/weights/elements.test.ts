import { expect, it } from "vitest";
import { transposed } from "./index.js";

it("turns the axes of a tensor", () => {
  const hwio = { type: "float32" as const, shape: [1, 2, 3, 2], data: Float32Array.from({ length: 12 }, (_, i) => i) };
  const oihw = transposed(hwio, [3, 2, 0, 1]);
  expect(oihw).toEqual({
    type: "float32",
    shape: [2, 3, 1, 2],
    data: Float32Array.of(0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11),
  });
  expect(transposed(oihw, [2, 3, 1, 0])).toEqual(hwio);
  expect(transposed({ ...hwio, shape: [12, 1] }, [1, 0])).toEqual({ ...hwio, shape: [1, 12] });
});
