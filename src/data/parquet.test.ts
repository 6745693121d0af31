import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { folderOf } from "../pictures.testing.js";
import { colourOf, GOLDEN } from "./archives.testing.js";
import { readPicture } from "./loader.js";
import { openSource } from "./open.js";
import { openSplit } from "./splits.js";

const golden = (name: string): string => fileURLToPath(new URL(name, GOLDEN));

describe("openParquet", () => {
  it.each([
    ["as the hub has it, in shards", "validation-*.parquet", ["ant", "bee", "cat"], 8],
    ["numbers alone, under other names", "plain.parquet", ["0", "1", "2"], 6],
    ["bytes and names", "bytes.parquet", ["ant", "bee", "cat"], 4],
  ])("reads %s", async (_, name, classes, count) => {
    const source = await openSource(golden(name));
    expect(source.classes).toEqual(classes);
    expect([...source.samples].map(({ label }) => label)).toEqual(Array.from({ length: count }, (_, i) => i % 3));
    const names = Array.from({ length: count }, (_, i) => (name === "bytes.parquet" ? `0:${i}` : `${i}.png`));
    expect([...source.samples].map((sample) => sample.name)).toEqual(names);
    // In any order.
    for (const i of [count - 1, 0, 2, 1, count - 1]) {
      expect([...(await readPicture(source, i)).data.subarray(0, 3)]).toEqual(colourOf(i));
    }
  });

  it("is found as a part of a data set, by its files' names", async () => {
    const names = ["validation-00000-of-00002.parquet", "validation-00001-of-00002.parquet"];
    const files = Object.fromEntries(
      await Promise.all(names.map(async (name) => [`data/${name}`, await readFile(golden(name))] as const)),
    );
    const directory = await folderOf({ ...files, "README.md": "" });
    const source = await openSplit(directory, "val", { classes: ["ant", "bee", "cat"] });
    expect(source.samples.length).toBe(8);
    await expect(openSplit(directory, "train")).rejects.toThrow("has no folder train/");
  });

  it("refuses it cut short, with one line", async () => {
    const bytes = await readFile(golden("plain.parquet"));
    const at = join(await folderOf({}), "a.parquet");
    for (const part of [0, 0.1, 0.5, 0.9, 0.99]) {
      await writeFile(at, bytes.subarray(0, Math.floor(bytes.length * part)));
      await expect(openSource(at)).rejects.toThrow(DataError);
      await expect(openSource(at)).rejects.toThrow(
        /^(Parquet file )?".*a\.parquet" is (cut short: its \d+ bytes do not end|no Parquet)/,
      );
    }
  });

  it("names a picture that is damaged inside", async () => {
    const bytes = await readFile(golden("validation-00000-of-00002.parquet"));
    bytes.fill(0xff, 60, 200);
    const at = join(await folderOf({ "a.parquet": bytes }), "a.parquet");
    const source = await openSource(at);
    await expect(readPicture(source, 0)).rejects.toThrow(DataError);
    expect([...(await readPicture(source, 4)).data.subarray(0, 3)]).toEqual(colourOf(4));
  });
});
