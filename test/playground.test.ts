import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fixres } from "./command.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-playground-"));
});
afterAll(() => rm(folder, { recursive: true }));

it("fixres playground writes a page and all that it asks for", async () => {
  const out = join(folder, "a", "site");
  const { code, stdout, stderr } = await fixres(["playground", "--out", out]);
  expect(code, stderr).toBe(0);
  expect(stdout.trim()).toBe(join(out, "index.html"));
  const page = await readFile(join(out, "index.html"), "utf8");
  const asked = [...page.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, path]) => path!);
  expect(asked.length).toBeGreaterThan(1);
  for (const path of [...asked, "models.safetensors", "examples.png", "ort-wasm-simd-threaded.wasm"])
    expect((await readFile(join(out, path))).length, path).toBeGreaterThan(1000);
  expect((await readdir(join(out, "assets"))).filter((name) => name.startsWith("worker"))).toHaveLength(1);
});

it("fixres playground says in one line where it cannot write", async () => {
  await writeFile(join(folder, "file"), "");
  const { code, stderr } = await fixres(["playground", "--out", join(folder, "file")]);
  expect(code).toBe(2);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect((await fixres(["playground"])).code).toBe(2);
});
