import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { build, transformWithEsbuild } from "vite";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const CHROMIUM = process.env.FIXRES_CHROMIUM ?? "/usr/bin/chromium";
const QUIET = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];
/** WebGPU without a GPU: Vulkan computed by the processor. */
const SOFTWARE_GPU = [
  ...["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"],
  "--use-vulkan=swiftshader",
];

/** Chromium, without a window. Fails where there is none: a test of a browser that runs in none has shown nothing. */
export const openBrowser = ({ webgpu = false } = {}): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: [...QUIET, ...(webgpu ? SOFTWARE_GPU : [])] });

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".css": "text/css",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".png": "image/png",
  ".jpg": "image/jpeg",
};

export interface Server {
  readonly origin: string;
  /** What is served by its path, before any folder is looked into. */
  readonly files: Map<string, Uint8Array | string>;
  close(): Promise<void>;
}

/**
 * Serves files on 127.0.0.1.
 * @param folders - a folder for each prefix of a path, such as "/node_modules/"
 * @param isolated - whether pages may use threads: cross-origin isolation by COOP and COEP
 */
export async function serve(
  folders: Readonly<Record<string, string>>,
  { isolated = false, cors = false } = {},
): Promise<Server> {
  const files = new Map<string, Uint8Array | string>();
  const find = async (path: string): Promise<Uint8Array | string | null> => {
    const known = files.get(path);
    if (known !== undefined) return known;
    const prefix = Object.keys(folders).find((name) => path.startsWith(name));
    if (prefix === undefined || path.includes("..")) return null;
    return readFile(join(folders[prefix]!, path.slice(prefix.length))).catch(() => null);
  };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, "http://localhost").pathname);
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    if (cors) response.setHeader("Access-Control-Allow-Origin", "*");
    void find(path).then((content) => {
      response.setHeader("Content-Type", TYPES[extname(path)] ?? "application/octet-stream");
      if (content === null) response.writeHead(404).end("<!doctype html><title>Not found</title>");
      else response.end(content);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** `page.html` and its scripts, bundled by vite as an application's are, with ONNX Runtime's files beside them. */
export async function bundlePage(outDir: string): Promise<void> {
  await build({
    root: join(ROOT, "test", "web"),
    configFile: false,
    logLevel: "error",
    // An application finds the package under node_modules.
    resolve: {
      alias: [
        { find: /^fixres\/web\/tune$/, replacement: join(ROOT, "dist", "web", "tune.js") },
        { find: /^fixres\/web$/, replacement: join(ROOT, "dist", "web", "index.js") },
      ],
    },
    worker: { format: "es" },
    build: { outDir, target: "esnext", rollupOptions: { input: join(ROOT, "test", "web", "page.html") } },
  });
}

/** Our own code as it reaches a page, minified; ONNX Runtime is left out. Fails where anything else is imported. */
export async function bundleOwn(entry: "index" | "tune" = "index"): Promise<string> {
  const outcome = await build({
    root: ROOT,
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      target: "es2022",
      minify: false,
      lib: { entry: join(ROOT, "dist", "web", `${entry}.js`), formats: ["es"] },
      rollupOptions: { external: /^onnxruntime-web/ },
    },
  });
  const [result] = [outcome].flat();
  if (result === undefined || !("output" in result)) throw new Error("vite built nothing");
  const [chunk, ...others] = result.output;
  const strangers = [...chunk.imports, ...chunk.dynamicImports].filter((name) => !name.startsWith("onnxruntime-web/"));
  if (strangers.length > 0) throw new Error(`the browser's code imports ${strangers.join(", ")}`);
  if (others.length > 0) throw new Error(`one file was wanted: ${others.map(({ fileName }) => fileName).join(", ")}`);
  // Of a library vite leaves the white space in.
  return (await transformWithEsbuild(chunk.code, "web.js", { minify: true, target: "es2022" })).code;
}
