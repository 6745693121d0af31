import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const WASM = "ort-wasm-simd-threaded.wasm";

/** ONNX Runtime's .wasm file, 14 MB, stays out of the package: `fixres playground` puts it beside the page, which names it. */
const withoutWasm: Plugin = {
  name: "without-wasm",
  enforce: "pre",
  transform(code, id) {
    if (!id.includes("ort.wasm.bundle.min.mjs")) return null;
    const found = `new URL("${WASM}",import.meta.url)`;
    if (!code.includes(found)) this.error(`${id} no longer holds ${found}; see where it names its .wasm file now.`);
    return code.replaceAll(found, `new URL("${WASM}",location.href)`);
  },
};

/** The playground as a folder of files that any server can serve, from any path. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  logLevel: "warn",
  // The page computes with wasm alone, which is everywhere.
  resolve: { alias: { "onnxruntime-web/webgpu": "onnxruntime-web/wasm" } },
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  plugins: [withoutWasm],
  worker: { format: "es", plugins: () => [withoutWasm] },
  build: {
    outDir: fileURLToPath(new URL("../../dist/playground", import.meta.url)),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
  },
});
