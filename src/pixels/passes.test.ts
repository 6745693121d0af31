import { expect, it } from "vitest";
import { compilePasses } from "../../scripts/kernels.js";
import { pattern } from "../pictures.testing.js";
import { passesWith } from "./passes.js";
import { PASSES } from "./passes-module.js";
import { resize } from "./resample.js";

it("are what their source compiles to (npm run kernels)", async () => {
  expect(await compilePasses()).toBe(PASSES);
});

it("keep little memory, whatever passes through", () => {
  const bytesHeld = (): number => passesWith(1).memory.length;
  resize(pattern(1500, 2000), 341, 256, "lanczos");
  expect(bytesHeld()).toBeLessThan(2 ** 22);
  // Every row of it is needed for every row of the result: 39 MB behind the horizontal pass.
  resize(pattern(1, 50_000), 256, 1, "box");
  expect(bytesHeld()).toBeLessThan(2 ** 22);
});
