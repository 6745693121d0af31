import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SRC = fileURLToPath(new URL("../src", import.meta.url));

/** Folders in the order in which data flow; each imports only from those to its left. */
const ORDER = [
  "onnx",
  "autodiff",
  "runtime",
  "weights",
  "pixels",
  "models",
  "data",
  "evaluate",
  "export",
  "train",
  "fixres",
  "report",
  "web",
  "ui",
  "playground",
  "cluster",
  "cli",
];

interface Import {
  readonly file: string;
  readonly target: string;
  /** Whether nothing of it is left when the program runs. */
  readonly type: boolean;
}

/** Every import in the sources; relative ones as paths below `src`. */
const imports: Import[] = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((file) => /\.tsx?$/.test(file))
  .flatMap((file) => {
    const text = readFileSync(join(SRC, file), "utf8");
    return [
      ...text.matchAll(/^\s*(?:import|export)\b[^;"']*?\bfrom\s+["']([^"']+)["']|\bimport\(["']([^"']+)["']\)/gm),
    ].map((match) => {
      const target = (match[1] ?? match[2])!;
      const inside = target.startsWith(".") ? relative(SRC, resolve(SRC, dirname(file), target)) : target;
      return { file, target: inside.split(sep).join("/"), type: /^\s*(?:import|export)\s+type\b/.test(match[0]) };
    });
  });

const folderOf = (path: string): string | null => (path.includes("/") ? path.split("/")[0]! : null);
const isTest = ({ file }: Import): boolean => /\.(test|testing)\.ts$/.test(file);

describe("import order", () => {
  it("reads imports at all", () => {
    expect(imports.length).toBeGreaterThan(100);
    expect(
      imports.some(({ file, target }) => file === join("train", "step.ts") && target === "autodiff/index.js"),
    ).toBe(true);
  });

  it("knows every folder", () => {
    const folders = readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual([...ORDER].sort());
  });

  it("points to the left only", () => {
    const wrong = imports.filter((entry) => {
      const [from, to] = [folderOf(entry.file), folderOf(entry.target)];
      if (isTest(entry) || from === null || to === null || !ORDER.includes(to)) return false;
      return ORDER.indexOf(to) > ORDER.indexOf(from);
    });
    expect(wrong).toEqual([]);
  });

  it("enters other folders through their index, or the part of it that runs in a page", () => {
    const wrong = imports.filter((entry) => {
      const [from, to] = [folderOf(entry.file), folderOf(entry.target)];
      const doors = [`${to}/index.js`, `${to}/pure.js`, "web/tune.js"];
      return to !== null && ORDER.includes(to) && to !== from && !doors.includes(entry.target);
    });
    expect(wrong).toEqual([]);
  });

  it.each([
    ["onnxruntime-node", "runtime"],
    ["onnxruntime-web/wasm", "web"],
    ["sharp", "data", "report", "ui"],
    ["@huggingface/hub", "weights"],
    ["tar", "data"],
    ["hyparquet", "data", "evaluate"],
    ["hyparquet-writer", "evaluate"],
    ["csv-parse", "data"],
    ["commander", "cli"],
    ["yaml", "train"],
    ["hono", "ui"],
    ["@duckdb/node-api", "ui"],
    ["cli-progress", "cli"],
    ["bullmq", "cluster"],
    ["ioredis", "cluster"],
  ])("imports %s where it belongs", (library, ...folders) => {
    const users = imports.filter((entry) => entry.target === library && !isTest(entry));
    expect(users.length).toBeGreaterThan(0);
    expect(users.filter(({ file }) => !folders.includes(folderOf(file)!))).toEqual([]);
  });

  /** Folders and packages that are loaded with a file. */
  function loadedWith(entry: string): { folders: string[]; packages: string[] } {
    const [reached, packages] = [new Set([entry]), new Set<string>()];
    for (const file of reached) {
      for (const { target } of imports.filter((other) => other.file.split(sep).join("/") === file && !other.type)) {
        if (target.endsWith(".js")) reached.add(target.replace(/js$/, "ts"));
        else packages.add(target);
      }
    }
    return {
      folders: [...new Set([...reached].map((file) => folderOf(file) ?? "."))].sort(),
      packages: [...packages].sort(),
    };
  }

  it("gives a page nothing of Node's, and no package but ONNX Runtime", () => {
    const { folders, packages } = loadedWith("web/index.ts");
    expect(packages).toEqual(["onnxruntime-web/wasm", "onnxruntime-web/webgpu"]);
    expect(folders).toEqual([".", "pixels", "web"]);
  });

  it("gives a page that tunes nothing of Node's either, and what graphs are written with", () => {
    const { packages } = loadedWith("web/tune.ts");
    expect(packages).toEqual([
      "@bufbuild/protobuf",
      "@bufbuild/protobuf/codegenv2",
      "@bufbuild/protobuf/wire",
      "onnxruntime-web/wasm",
      "onnxruntime-web/webgpu",
      "pure-rand/generator/xoroshiro128plus",
    ]);
  });
});
