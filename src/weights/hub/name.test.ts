import { describe, expect, it } from "vitest";
import { RequestError } from "../../errors.js";
import { hubName } from "./name.js";

describe("hubName", () => {
  it.each([
    ["hub:timm/x.y_1", { repo: "timm/x.y_1", revision: "main", file: null }],
    ["hub:timm/x@v1.0", { repo: "timm/x", revision: "v1.0", file: null }],
    ["hub:timm/x@refs/pr/1:a/b c.bin", { repo: "timm/x", revision: "refs/pr/1", file: "a/b c.bin" }],
    ["hub:timm/x:a@b.bin", { repo: "timm/x", revision: "main", file: "a@b.bin" }],
    ["model.safetensors", null],
  ])("%s", (text, parts) => expect(hubName(text)).toEqual(parts));

  it.each([
    ...["hub:", "hub:x", "hub:a/b/c", "hub:../x", "hub:a/..", "hub:a/b--c", "hub:.a/b", "hub:a/b\n"],
    ...["hub:a/b@", "hub:a/b@../x", "hub:a/b@a..b", "hub:a/b@/x", "hub:a/b@.x", "hub:a/b@a b", "hub:a/b@a\\b"],
    ...[
      "hub:a/b:",
      "hub:a/b:../x",
      "hub:a/b:x/../../y",
      "hub:a/b:/etc/x",
      "hub:a/b:C:x",
      "hub:a/b:a\\..\\b",
      "hub:a/b:a\0",
    ],
  ])("refuses %j", (text) => {
    expect(() => hubName(text)).toThrow(RequestError);
    expect(() => hubName(text)).toThrow(/names no (repository|revision|file)/);
  });
});
