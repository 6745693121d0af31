/**
 * `npm run kernels` compiles the resampler's passes, src/pixels/assembly/passes.ts, to WebAssembly, and writes the module into the
 * sources as text, so that they run without a build, in Node and in browsers alike. A test compares the two.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import asc from "assemblyscript/asc";

const FILE = "passes.ts";
const SOURCE = new URL(`../src/pixels/assembly/${FILE}`, import.meta.url);
const TEXT = new URL("../src/pixels/passes-module.ts", import.meta.url);

/** The module in base64. */
export async function compilePasses(): Promise<string> {
  let module = new Uint8Array();
  const options = ["--outFile", "passes.wasm", "-O3", "--noAssert", "--runtime", "stub", "--enable", "simd"];
  const { error, stderr } = await asc.main([FILE, ...options], {
    readFile: (name) => (name === FILE ? readFileSync(SOURCE, "utf8") : null),
    writeFile(_name, content) {
      module = Buffer.from(content);
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${fileURLToPath(SOURCE)} does not compile:\n${stderr}`);
  return Buffer.from(module).toString("base64");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const lines = (await compilePasses()).match(/.{1,110}/g) ?? [];
  const head = "/** Written by `npm run kernels`: assembly/passes.ts as a WebAssembly module, in base64. */";
  writeFileSync(TEXT, `${head}\nexport const PASSES =\n${lines.map((line) => `  "${line}"`).join(" +\n")};\n`);
}
