import { cp, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { FailedError, RequestError } from "../errors.js";
import { makeFolder } from "../files.js";

const PAGE = fileURLToPath(new URL("../playground", import.meta.url));
const WASM = "ort-wasm-simd-threaded.wasm";

export const playgroundCommand = new Command("playground")
  .description("Write the resolution playground: a page that any web server can serve, and that asks nothing of it.")
  .requiredOption("--out <dir>", "folder to write")
  .option("--json", "print one JSON object and nothing else on stdout")
  .addHelpText(
    "after",
    `
It needs onnxruntime-web beside fixres (npm install onnxruntime-web), whose .wasm file is copied.
Example: fixres playground --out public/playground && npx serve public/playground`,
  )
  .action(async ({ out, json }: { readonly out: string; readonly json?: true }) => {
    if ((await stat(join(PAGE, "index.html")).catch(() => null)) === null)
      throw new FailedError(
        "the playground's page is not in this package; build it (npm run build), or install fixres again.",
      );
    const wasm = join(engineFolder(), WASM);
    await makeFolder(out);
    await cp(PAGE, out, { recursive: true });
    await cp(wasm, join(out, WASM));
    process.stdout.write(json ? `${JSON.stringify({ folder: out })}\n` : `${join(out, "index.html")}\n`);
  });

/** Where ONNX Runtime's web build keeps its files. @throws {RequestError} where it is not installed */
function engineFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve("onnxruntime-web/wasm"));
  } catch {
    throw new RequestError(
      "onnxruntime-web is not installed, and the page computes with it; npm install onnxruntime-web.",
    );
  }
}
