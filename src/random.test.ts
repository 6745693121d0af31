import { describe, expect, it } from "vitest";
import { random } from "./random.js";

const take = (count: number, next: () => number): number[] => Array.from({ length: count }, next);

describe("random", () => {
  it("gives equal streams for equal keys, others for any other key or order", () => {
    const first = (...key: (number | string)[]): number => random(...key).uniform();
    expect(take(5, random(1, "crop", 2, 3).uniform)).toEqual(take(5, random(1, "crop", 2, 3).uniform));
    const keys = [
      [1, "crop", 2, 3],
      [1, "crop", 3, 2],
      [1, "crop", 23],
      [1, "cro", "p", 2, 3],
      [-1, "crop", 2, 3],
      [2, "crop", 2, 3],
      [],
    ];
    expect(new Set(keys.map((key) => first(...key))).size).toBe(keys.length);
  });

  // What a run gives depends on these; a change of them is a change of every trained model.
  it("keeps its numbers from version to version", () => {
    const stream = random(0, "order", 0);
    expect(take(3, () => stream.integer(1000))).toMatchInlineSnapshot(`
      [
        545,
        551,
        727,
      ]
    `);
    expect(stream.normal()).toMatchInlineSnapshot(`2.651525084348809`);
    const order = [0, 1, 2, 3, 4, 5, 6, 7];
    stream.shuffle(order);
    expect(order.join(" ")).toMatchInlineSnapshot(`"6 7 1 0 4 3 5 2"`);
  });

  it("is uniform in [0, 1) and over integers", () => {
    const stream = random(3, "uniform");
    const values = take(20_000, stream.uniform);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(values.reduce((a, b) => a + b) / values.length).toBeCloseTo(0.5, 2);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 20_000; i++) counts[stream.integer(10)]!++;
    // Chi-square with 9 degrees of freedom exceeds 27.9 once in 1000 seeds; this one is fixed.
    expect(counts.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0)).toBeLessThan(27.9);
  });

  it("is normal with mean 0, variance 1, and no infinity", () => {
    const values = take(20_000, random(4, "normal").normal);
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.04);
    expect(values.filter((v) => Math.abs(v) > 1.96).length / values.length).toBeCloseTo(0.05, 2);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it("shuffles in place, keeps every element, and puts each as often in each place", () => {
    const places = Array.from({ length: 4 }, () => [0, 0, 0, 0]);
    for (let round = 0; round < 4000; round++) {
      const order = Int32Array.of(0, 1, 2, 3);
      random(5, "shuffle", round).shuffle(order);
      expect([...order].sort()).toEqual([0, 1, 2, 3]);
      for (const [place, element] of order.entries()) places[element]![place]!++;
    }
    for (const count of places.flat()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  // Streams of neighbouring epochs and indices feed neighbouring pictures: they must not move together.
  it("gives neighbouring keys unrelated numbers", () => {
    const values = Array.from({ length: 5000 }, (_, i) => random(0, "sample", 0, i).uniform() - 0.5);
    let product = 0;
    for (let i = 1; i < values.length; i++) product += values[i]! * values[i - 1]!;
    expect(Math.abs((12 * product) / values.length)).toBeLessThan(0.05);
  });
});
