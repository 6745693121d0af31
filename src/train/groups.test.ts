import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { architecture, parametersOf } from "../models/index.js";
import { frozenParts, partOfNetwork, partsOf } from "./index.js";

const ARCH = architecture("efficientnet_b0", { width: 0.25, depth: 0.25 });

describe("parts of a network", () => {
  it("hold every parameter, and each holds one", () => {
    const found = new Set(parametersOf(ARCH, 3).map(({ name }) => partOfNetwork(name)));
    expect([...found].sort()).toEqual(partsOf(ARCH).sort());
  });

  it.each([
    [["stem"], ["stem"]],
    [["blocks.0-1"], ["blocks.0.0", "blocks.1.0"]],
    [
      ["blocks.6", "stem"],
      ["blocks.6.0", "stem"],
    ],
    [["blocks.2.0"], ["blocks.2.0"]],
    [
      ["head", "classifier"],
      ["head", "classifier"],
    ],
  ])("are named by %j", (patterns, wanted) => {
    expect([...frozenParts(ARCH, patterns)]).toEqual(wanted);
  });

  it.each(["blocks.7", "blocks.3-2", "blocks.0-99", "block.1", "conv_stem", "blocks.1.1"])(
    "are not named by %s",
    (pattern) => {
      expect(() => frozenParts(ARCH, [pattern])).toThrow(RequestError);
      expect(() => frozenParts(ARCH, [pattern])).toThrow(`"${pattern}" names no part of efficientnet_b0; freeze stem`);
    },
  );

  it("are not all frozen", () => {
    expect(() => frozenParts(ARCH, ["stem", "blocks.0-6", "head", "classifier"])).toThrow("leave a part to train");
  });
});
