import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { bundleOwn } from "./browser.js";

it("reaches a page as a few kilobytes, with nothing of Node's and no package but ONNX Runtime", async () => {
  const code = await bundleOwn();
  expect(code.match(/import\("[^"]+"\)/g)).toEqual([
    'import("onnxruntime-web/wasm")',
    'import("onnxruntime-web/webgpu")',
  ]);
  expect(code).not.toMatch(/\b(?:process|Buffer|require)\b/);
  // 18 kB and 8 kB when this was written (docs/WEB.md).
  expect(Buffer.byteLength(code)).toBeLessThan(19_000);
  expect(gzipSync(code).length).toBeLessThan(8_250);
});
