import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { RULES } from "../src/autodiff/index.js";
import { OPERATORS } from "../src/onnx/index.js";
import { fixres } from "./command.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (...names: string[]): Promise<string> => readFile(join(ROOT, ...names), "utf8");

/** Code blocks of a language in a Markdown text. */
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))].map(([, code]) => code!);

it.each(["README.md", "docs/WEB.md", "docs/AUGMENTATION.md"])(
  "%s's library example compiles as it stands",
  async (document) => {
    const examples = blocks(await read(document), "ts");
    const folder = join(ROOT, ".cache", "readme");
    await mkdir(folder, { recursive: true });
    // Inside the package, so that `fixres` is this one.
    const files = examples.map((_, i) => join(folder, `example-${i}.ts`));
    await Promise.all(examples.map((code, i) => writeFile(files[i]!, code)));
    const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
    const options = ["--noEmit", "--strict", "--target", "es2023", "--module", "nodenext", "--skipLibCheck"];
    try {
      await promisify(execFile)(process.execPath, [tsc, "--ignoreConfig", ...options, ...files], { cwd: folder });
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  60_000,
);

it("README's commands have the options that they name", async () => {
  const lines = blocks(await read("README.md"), "bash")
    .flatMap((block) => block.split("\n"))
    .filter((line) => line.startsWith("fixres "));
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) {
    const [, name, ...words] = line.replace(/#.*/, "").trim().split(/\s+/);
    const { code, stdout } = await fixres([name!, "--help"]);
    expect(code, line).toBe(0);
    for (const option of words.filter((word) => word.startsWith("--"))) expect(stdout, line).toContain(option);
  }
});

it("docs/OPERATORS.md lists every operator, and which of them has a gradient", async () => {
  const rows = [...(await read("docs", "OPERATORS.md")).matchAll(/^\| (\w+) \| (yes|no) \|/gm)];
  const listed = rows.map(([, name, gradient]) => [name, gradient]);
  const known = Object.keys(OPERATORS).sort();
  expect(listed).toEqual(known.map((name) => [name, Object.hasOwn(RULES, name) ? "yes" : "no"]));
});

it("README's table names every folder of src", async () => {
  const named = [...(await read("README.md")).matchAll(/^\| `src\/(\w+)` \|/gm)].map(([, name]) => name);
  const folders = (await readdir(join(ROOT, "src"), { withFileTypes: true })).filter((entry) => entry.isDirectory());
  expect(named.sort()).toEqual(folders.map(({ name }) => name).sort());
});

it("links between documents lead somewhere", async () => {
  const documents = [
    "README.md",
    "CONTRIBUTING.md",
    ...(await readdir(join(ROOT, "docs"))).map((name) => `docs/${name}`),
  ];
  const links: { readonly document: string; readonly target: string }[] = [];
  for (const document of documents.filter((name) => name.endsWith(".md"))) {
    for (const [, target] of (await read(document)).matchAll(/\]\((?!https?:)([^)#]+)/g))
      links.push({ document, target: target! });
  }
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter(({ document, target }) => !existsSync(join(ROOT, document, "..", target)))).toEqual([]);
});
