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
  // 21 kB and 9 kB when this was written, 2 kB of it WebAssembly (docs/WEB.md).
  expect(Buffer.byteLength(code)).toBeLessThan(22_250);
  expect(gzipSync(code).length).toBeLessThan(9_750);
});
