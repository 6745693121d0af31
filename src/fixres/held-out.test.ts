import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { heldOutRows, indicesOf } from "./held-out.js";

describe("heldOutRows", () => {
  const labels = Int32Array.from({ length: 103 }, (_, i) => (i < 100 ? i % 2 : i === 102 ? 3 : 2));

  it("takes the share of each class, and never all of it", () => {
    const held = heldOutRows(labels, 0.2, 0);
    const of = (label: number): number => held.reduce((sum, one, i) => sum + (labels[i] === label ? one : 0), 0);
    expect([0, 1, 2, 3].map(of)).toEqual([10, 10, 0, 0]);
    expect(heldOutRows(Int32Array.of(0, 0), 0.9, 0).reduce((a, b) => a + b)).toBe(1);
  });

  it("depends on the seed alone", () => {
    expect(heldOutRows(labels, 0.2, 1)).toEqual(heldOutRows(labels, 0.2, 1));
    expect(heldOutRows(labels, 0.2, 1)).not.toEqual(heldOutRows(labels, 0.2, 2));
  });

  it("gives the indices of both parts, in order", () => {
    expect([0, 1].map((part) => [...indicesOf(Uint8Array.of(0, 1, 1, 0, 1), part)])).toEqual([
      [0, 3],
      [1, 2, 4],
    ]);
  });

  it("refuses where no row can be spared, and a share that is none", () => {
    expect(() => heldOutRows(Int32Array.of(0, 1, 2), 0.5, 0)).toThrow(RequestError);
    expect(() => heldOutRows(Int32Array.of(0, 1, 2), 0.5, 0)).toThrow(
      "no class of the 3 training pictures has one to spare",
    );
    expect(() => heldOutRows(labels, 1, 0)).toThrow("the held-out share is 1; give one between 0 and 1.");
  });
});
