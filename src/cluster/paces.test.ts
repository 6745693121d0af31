import { expect, it } from "vitest";
import { Paces } from "./paces.js";

it("tells pictures a second of each worker, of late", () => {
  const paces = new Paces();
  paces.add({ worker: "a", count: 100, seconds: 1 }, 1000);
  paces.add({ worker: "b", count: 50, seconds: 1 }, 1000);
  paces.add({ worker: "a", count: 100, seconds: 1 }, 2000);
  expect(paces.byWorker(2000)).toEqual([
    ["a", 100],
    ["b", 25],
  ]);
  expect(paces.shown(2000)).toBe("2 workers: a 100/s, b 25/s");
  paces.add({ worker: "b", count: 60, seconds: 1 }, 100_000);
  expect(paces.byWorker(100_000)).toEqual([["b", 1]]);
});
