import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "tar";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";

let directory: string;
const at = (...names: string[]): string => join(directory, ...names);
const evaluate = async (data: string, ...options: string[]) => {
  const { code, stdout, stderr } = await fixres([
    "eval",
    at("model"),
    "--data",
    data,
    "--json",
    "--threads",
    "1",
    ...options,
  ]);
  expect(code, stderr).toBe(0);
  return { ...JSON.parse(stdout), stderr };
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-"));
  await makePictures(at("pictures"), { classes: 6, train: 3, val: 4 });
  // A model that knows its classes' names.
  const small = ["efficientnet_b0", "--width", "0.25", "--depth", "0.25", "--resolution", "32", "--batch-size", "6"];
  const trained = await fixres([
    "train",
    ...small,
    "--data",
    at("pictures"),
    "--epochs",
    "1",
    "--out",
    at("run"),
    "--threads",
    "1",
  ]);
  expect(trained.code, trained.stderr).toBe(0);
  await rename(at("run", "model"), at("model"));
}, 120_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

describe("data in other forms than folders", () => {
  it("gives the same accuracy from a tar, alone or as a part, and from a list", async () => {
    const folders = await evaluate(at("pictures"));
    expect(folders.n).toBe(24);
    const classes = Array.from({ length: 6 }, (_, c) => `class-000${c}`);
    await create({ file: at("val.tar"), cwd: at("pictures", "val") }, classes);
    const names = classes.flatMap((name) => ["0.jpg", "1.png", "2.webp", "3.jpg"].map((file) => `${name}/${file}`));
    await writeFile(
      at("list.csv"),
      ["path,label", ...names.map((name) => `pictures/val/${name},${name.slice(0, 10)}`)].join("\n"),
    );
    for (const data of [at("val.tar"), directory, at("list.csv")]) {
      const { top1, loss, n } = await evaluate(data);
      expect([data, top1, n]).toEqual([data, folders.top1, 24]);
      expect(loss).toBeCloseTo(folders.loss, 6);
    }
  });

  it("takes a part of the classes by name, and lets those alone compete where told", async () => {
    const part = at("part.tar");
    await create({ file: part, cwd: at("pictures", "val") }, ["class-0001", "class-0004"]);
    const all = await evaluate(part);
    expect(all.stderr).toContain("has 2 of the model's 6 classes, matched by name");
    await writeFile(at("valid.txt"), "class-0001\nclass-0004\n");
    const two = await evaluate(at("pictures"), "--valid-labels", at("valid.txt"));
    expect(two.stderr).toContain("2 of 6 classes compete");
    expect(two.n).toBe(8);
    expect(two.loss).toBeLessThan(all.loss);
    expect(two.top1).toBeGreaterThanOrEqual(all.top1);
  });

  it("tells of a tar that is cut short in one line", async () => {
    const whole = await readFile(at("val.tar"));
    await writeFile(at("cut.tar"), whole.subarray(0, whole.length / 2));
    const { code, stderr } = await fixres(["eval", at("model"), "--data", at("cut.tar")]);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^fixres: tar ".*cut\.tar" is cut short at or behind "class-000\d\/.*": byte \d+ is needed, the last is \d+\. Fetch it again\.\n$/,
    );
  });
});

describe("bad pictures", () => {
  beforeAll(async () => {
    await writeFile(at("pictures", "val", "class-0002", "9.png"), "no picture");
  });

  it("fails, or leaves them out and lists them", async () => {
    const failed = await fixres(["eval", at("model"), "--data", at("pictures"), "--threads", "1"]);
    expect(failed.code).toBe(2);
    expect(failed.stderr).toContain('class-0002/9.png" is no JPEG, PNG, WebP, GIF, TIFF, BMP or PNM');
    const { n, bad } = await evaluate(at("pictures"), "--on-bad-image", "record");
    expect(n).toBe(24);
    expect(bad).toEqual([{ name: "class-0002/9.png", reason: expect.stringContaining("is no JPEG") }]);
    const text = await fixres([
      "eval",
      at("model"),
      "--data",
      at("pictures"),
      "--on-bad-image",
      "record",
      "--threads",
      "1",
    ]);
    expect(text.stdout).toContain("1 pictures could not be read and are left out:\n  class-0002/9.png: picture");
  });

  it("are found by verify, with duplicates and classes, and exit code 1", async () => {
    const found = await fixres(["verify", at("pictures"), "--json"]);
    expect(found.code).toBe(1);
    expect(found.stderr).toContain("fixres: 1 of 43 pictures are bad; restore or remove them.");
    const { pictures, bad, classes } = JSON.parse(found.stdout);
    expect([pictures, bad.length, bad[0].part, bad[0].name]).toEqual([43, 1, "val", "class-0002/9.png"]);
    expect(classes["class-0002"]).toEqual({ train: 3, val: 5 });
    const text = await fixres(["verify", at("val.tar")]);
    expect(text.code, text.stderr).toBe(0);
    expect(text.stdout).toMatch(/24 pictures, 0 bad, in [\d.]+ s \([\d.]+ a second\)\n$/);
  });
});
