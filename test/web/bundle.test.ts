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

it("brings what graphs are written with where a page tunes, and no more", async () => {
  const code = await bundleOwn("tune");
  // Globals of Node's that protobuf asks for are asked for carefully.
  expect(code).not.toMatch(/\b(?:Buffer|require)\b/);
  // 237 kB and 85 kB when this was written, of which protobuf's runtime is 40%.
  expect(Buffer.byteLength(code)).toBeLessThan(260_000);
  expect(gzipSync(code).length).toBeLessThan(95_000);
});
