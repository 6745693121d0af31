import { expect, it } from "vitest";
import { fromBfloat16, fromFloat16 } from "./half.js";

it.each([
  [0x0000, 0],
  [0x8000, -0],
  [0x3c00, 1],
  [0xc000, -2],
  [0x3555, 0.333251953125],
  [0x7bff, 65504],
  [0x0400, 2 ** -14],
  [0x0001, 2 ** -24],
  [0x83ff, -1023 * 2 ** -24],
  [0x7c00, Infinity],
  [0xfc00, -Infinity],
  [0x7e00, Number.NaN],
])("float16 %# is %d", (bits, value) => {
  expect(fromFloat16(Uint16Array.of(bits))[0]).toBe(value);
});

it.each([
  [0x3f80, 1],
  [0xc049, -3.140625],
  [0x8000, -0],
  [0x7f80, Infinity],
  [0x7fc0, Number.NaN],
  [0x0001, 2 ** -133],
])("bfloat16 %# is %d", (bits, value) => {
  expect(fromBfloat16(Uint16Array.of(bits))[0]).toBe(value);
});
