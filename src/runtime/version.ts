import { createRequire } from "node:module";

const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string };

/** Version of onnxruntime-node, which results may depend on; read without loading the engine. */
export const ENGINE_VERSION: string = version;
