import { expect, it } from "vitest";
import { sizing } from "./sizing.js";

const imagenet = { pictures: 1_281_167, workers: 40, picturesPerSecond: 2, pictureBytes: 110_000 };
const l2 = { modelBytes: 1.9e9, resultBytes: 80, shardSize: 256 };

it("counts whole rounds of shards, and each worker's model", () => {
  const found = sizing({ ...imagenet, ...l2 });
  expect(found.shards).toBe(5005);
  expect(found.seconds).toBe((126 * 256) / 2);
  expect(found.traffic.model).toBe(40 * 1.9e9);
  expect(found.traffic.pictures).toBe(1_281_167 * 110_000);
  expect(found.redisBytes).toBe(2000 * (1500 + 22 * 256 + 256 * 80));
});

it("bounds Redis by its bytes where results are large, and needs no more than the pictures there are", () => {
  expect(sizing({ ...imagenet, ...l2, resultBytes: 64_000 }).redisBytes).toBeLessThan(300e6);
  expect(sizing({ ...imagenet, ...l2, pictures: 100, workers: 3 }).seconds).toBe(50);
});
