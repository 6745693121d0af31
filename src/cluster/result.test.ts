import { expect, it } from "vitest";
import { decodeResult, encodeResult, joined } from "./result.js";

const bad = [{ name: "b.jpg", reason: 'picture "b.jpg" is an empty file; restore or remove it.' }];
const arrays = {
  positions: Int32Array.of(0, 2, 3),
  top1: Uint8Array.of(1, 0, 1),
  loss: Float64Array.of(0.1, Number.MIN_VALUE, 1e300),
  rows: Uint16Array.of(1, 2, 3, 4, 5, 65535),
};
const result = { count: 4, worker: "host:1", seconds: 1.25, bad, arrays };

it("comes back bit for bit, whatever the places of the arrays", () => {
  expect(decodeResult(encodeResult(result), 4)).toEqual(result);
  const shifted = Buffer.concat([Buffer.alloc(1), encodeResult(result)]).subarray(1);
  expect(decodeResult(shifted, 4)).toEqual(result);
});

it("is refused where it is cut short, longer, or of another number of pictures", () => {
  const bytes = encodeResult(result);
  for (let length = 0; length < bytes.length; length += 7)
    expect(() => decodeResult(bytes.subarray(0, length), 4)).toThrow(/a shard's result/);
  expect(() => decodeResult(Buffer.concat([bytes, Buffer.alloc(1)]), 4)).toThrow("a shard's result");
  expect(() => decodeResult(bytes, 5)).toThrow("is of 3 and 1 pictures, where the shard has 5");
});

it("joins batches, and is empty where no picture could be read", () => {
  const parts = [
    { positions: Int32Array.of(0, 1), loss: Float64Array.of(1, 2) },
    { positions: Int32Array.of(2), loss: Float64Array.of(3) },
  ];
  expect(joined(parts)).toEqual({ positions: Int32Array.of(0, 1, 2), loss: Float64Array.of(1, 2, 3) });
  const none = { ...result, count: 1, arrays: joined([]) };
  expect(decodeResult(encodeResult(none), 1)).toEqual(none);
});
