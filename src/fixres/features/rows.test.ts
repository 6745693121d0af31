import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FailedError } from "../../errors.js";
import { openRows } from "./rows.js";

const SHAPE = { key: "k", rows: 5, rowBytes: 12 };
const row = (i: number): Uint8Array => Uint8Array.from({ length: 12 }, (_, at) => 7 * i + at);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-rows-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function written(...rows: number[]): Promise<void> {
  const file = await openRows(folder, SHAPE);
  for (const i of rows) await file.write(i, row(i));
  await file.close();
}

async function found(options = SHAPE): Promise<(number[] | "absent" | "damaged")[]> {
  const file = await openRows(folder, options);
  const rows: (number[] | "absent" | "damaged")[] = [];
  for (let i = 0; i < options.rows; i++) {
    const into = new Uint8Array(options.rowBytes);
    if (!file.has(i)) rows.push("absent");
    else rows.push((await file.read(i, into)) ? [...into] : "damaged");
  }
  await file.close();
  return rows;
}

it("gives back what an earlier process wrote, in any order", async () => {
  await written(3, 0);
  await written(4);
  expect(await found()).toEqual([[...row(0)], "absent", "absent", [...row(3)], [...row(4)]]);
});

it("notices every bit that changed, of rows and of their check sums", async () => {
  await written(0, 1, 2, 3, 4);
  const path = join(folder, "rows");
  const whole = await readFile(path);
  expect(whole.length).toBe(5 * 16);
  for (let byte = 0; byte < 16; byte++) {
    const changed = Buffer.from(whole);
    changed[2 * 16 + byte]! ^= 1 << (byte % 8);
    await writeFile(path, changed);
    expect(await found()).toEqual([[...row(0)], [...row(1)], "damaged", [...row(3)], [...row(4)]]);
  }
});

it("does not have a row that it gave back as damaged, until it is written again", async () => {
  await written(1);
  const file = await open(join(folder, "rows"), "r+");
  await file.write(Uint8Array.of(99), 0, 1, 16);
  await file.close();
  const rows = await openRows(folder, SHAPE);
  expect(rows.has(1)).toBe(true);
  expect(await rows.read(1, new Uint8Array(12))).toBe(false);
  expect(rows.has(1)).toBe(false);
  await rows.write(1, row(1));
  expect(await rows.read(1, new Uint8Array(12))).toBe(true);
  await rows.close();
});

it("takes no row of another key, or of another place", async () => {
  await written(0, 1, 2, 3, 4);
  expect(await found({ ...SHAPE, key: "other" })).toEqual(Array(5).fill("damaged"));
  const path = join(folder, "rows");
  const whole = await readFile(path);
  await writeFile(path, Buffer.concat([whole.subarray(16, 32), whole.subarray(0, 16), whole.subarray(32)]));
  expect((await found()).slice(0, 3)).toEqual(["damaged", "damaged", [...row(2)]]);
});

it.each(["rows", "present"])("has nothing where its file %s is gone", async (name) => {
  await written(0, 1);
  await rm(join(folder, name));
  expect(await found()).toEqual(Array(5).fill("absent"));
});

it("has no row that a file cut short lacks", async () => {
  await written(0, 1, 2, 3, 4);
  const path = join(folder, "rows");
  await writeFile(path, (await readFile(path)).subarray(0, 16 * 3 + 7));
  expect((await found()).slice(2)).toEqual([[...row(2)], "damaged", "damaged"]);
});

it("has no row that claims to be there and was never written", async () => {
  await written(4);
  await writeFile(join(folder, "present"), Uint8Array.of(1, 1, 1, 1, 1));
  expect(await found()).toEqual(["damaged", "damaged", "damaged", "damaged", [...row(4)]]);
});

it("says where it cannot write, and how to do without", async () => {
  const opening = openRows(join(folder, "nowhere"), SHAPE);
  await expect(opening).rejects.toThrow(FailedError);
  await expect(opening).rejects.toThrow(
    /the feature cache ".*nowhere" .* cannot be used: no such file or directory. Free the disk, or do without/,
  );
});
