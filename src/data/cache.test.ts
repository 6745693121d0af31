import { expect, it } from "vitest";
import { pattern } from "../pictures.testing.js";
import { openPictureCache } from "./cache.js";

it("keeps what fits, and what came first", () => {
  const picture = pattern(10, 10);
  const cache = openPictureCache(700);
  cache.add("a", picture);
  cache.add("a", picture);
  cache.add("b", picture);
  cache.add("c", picture);
  expect(cache.get("a")).toBe(picture);
  expect(cache.get("b")).toBe(picture);
  expect(cache.get("c")).toBeUndefined();
  // What is left is enough for a smaller one.
  cache.add("d", pattern(5, 5));
  expect(cache.get("d")?.width).toBe(5);
});

it("keeps nothing in no bytes", () => {
  const cache = openPictureCache(0);
  cache.add("a", pattern(1, 1));
  expect(cache.get("a")).toBeUndefined();
});
