import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { folderOf } from "../pictures.testing.js";
import { checkClasses, openSplit, openSplits } from "./splits.js";

const split = (name: string, classes: readonly string[]) =>
  Object.fromEntries(classes.map((label) => [`${name}/${label}/a.png`, ""]));

async function failure(opening: Promise<unknown>): Promise<string> {
  const error = await opening.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).message).not.toContain("\n");
  return (error as DataError).message;
}

describe("openSplits", () => {
  it("opens train and val with the same classes", async () => {
    const directory = await folderOf({ ...split("train", ["cat", "dog"]), ...split("val", ["dog", "cat"]) });
    const { train, val } = await openSplits(directory, { classes: ["cat", "dog"] });
    expect([train.name, val.name]).toEqual([join(directory, "train"), join(directory, "val")]);
    expect(train.classes).toEqual(["cat", "dog"]);
    expect(val.classes).toEqual(train.classes);
    expect([...val.samples].map(({ name, label }) => [name, label])).toEqual([
      ["cat/a.png", 0],
      ["dog/a.png", 1],
    ]);
  });

  it.each([
    ["train", split("val", ["cat"])],
    ["val", split("train", ["cat"])],
    ["train", split("other", ["cat"])],
  ])("refuses a directory without %s/", async (missing, files) => {
    const directory = await folderOf(files);
    expect(await failure(openSplits(directory))).toBe(
      `"${directory}" has no folder ${missing}/; give a directory with train/ and val/, each with a folder a class.`,
    );
  });

  it("refuses a directory that is not there", async () => {
    const directory = join(await folderOf({}), "none");
    expect(await failure(openSplits(directory))).toContain(`"${directory}" does not exist`);
  });

  it("names the classes that val lacks", async () => {
    const directory = await folderOf({ ...split("train", ["cat", "dog"]), ...split("val", ["cat"]) });
    expect(await failure(openSplits(directory))).toBe(
      `"${join(directory, "val")}" lacks the class "dog", which train/ has; both need the same classes.`,
    );
  });

  it("names the classes that only val has, the first of many", async () => {
    const directory = await folderOf({ ...split("train", ["c"]), ...split("val", ["a", "b", "c", "d", "e"]) });
    expect(await failure(openSplits(directory))).toBe(
      `"${join(directory, "val")}" has 4 classes (a, b, d, ...), which train/ lacks; both need the same classes.`,
    );
  });

  it("names an empty class of val", async () => {
    const directory = await folderOf({ ...split("train", ["cat", "dog"]), "val/cat/a.png": "", "val/dog/x.txt": "" });
    expect(await failure(openSplits(directory))).toContain(`class folder "${join(directory, "val/dog")}" holds no pic`);
  });
});

describe("openSplit", () => {
  it("needs no other", async () => {
    const directory = await folderOf(split("val", ["cat"]));
    expect((await openSplit(directory, "val", { classes: 1 })).samples.length).toBe(1);
  });

  it("compares with the model's classes", async () => {
    const directory = await folderOf(split("val", ["cat", "dog"]));
    const val = join(directory, "val");
    expect(await failure(openSplit(directory, "val", { classes: ["cat", "dog", "fox"] }))).toBe(
      `"${val}" has 2 classes, but the model has 3; they must be the same.`,
    );
    expect(await failure(openSplit(directory, "val", { classes: ["cat", "fox"] }))).toBe(
      `"${val}": 1 of 2 classes are not among the 2 of the model: "dog" is not; its first are cat, fox. Give --class-map where the names are others.`,
    );
    expect(await failure(openSplit(directory, "val", { classes: 1000 }))).toBe(
      `"${val}" has 2 classes, but the model has 1000; they must be the same.`,
    );
  });
});

describe("checkClasses", () => {
  it("takes the same names in the same order only", () => {
    const source = { name: "data", classes: ["cat", "dog"], samples: [], notes: [] };
    expect(() => checkClasses(source, ["cat", "dog"])).not.toThrow();
    expect(() => checkClasses(source, ["dog", "cat"])).toThrow('"data": class 0 is "cat", but the model\'s is "dog"');
  });
});

describe("openSplit of other forms", () => {
  it("takes all of a directory without parts for the test", async () => {
    const directory = await folderOf({ "cat/a.png": "", "dog/b.png": "" });
    expect((await openSplit(directory, "val", { classes: ["cat", "dog"] })).samples.length).toBe(2);
    expect(await failure(openSplit(directory, "train"))).toContain("has no folder train/");
    expect(await failure(openSplit(join(directory, "none"), "val"))).toContain('none" does not exist');
  });

  it("takes folders for classes where files of other forms lie beside them, and tells of those", async () => {
    const directory = await folderOf({ "cat/a.png": "", "dog/b.png": "", "stray.tar": "" });
    const source = await openSplit(directory, "val");
    expect(source.classes).toEqual(["cat", "dog"]);
    expect(source.notes).toEqual([`"${directory}": 1 file is in no class folder, and left out`]);
  });

  it("takes a list for the data, unless pictures lie beside it", async () => {
    const lists = { "train.csv": "x/a.png,cat\n", "val.csv": "x/b.png,cat\n", "x/a.png": "", "x/b.png": "" };
    const { train, val } = await openSplits(await folderOf(lists));
    expect([train.samples[0]!.name, val.samples[0]!.name]).toEqual(["x/a.png", "x/b.png"]);
    const flat = await folderOf({ "val.txt": "cat\ndog\n", "a.png": "", "b.png": "" });
    expect((await openSplit(flat, "val")).classes).toEqual(["cat", "dog"]);
  });

  it("says where the part that it takes is called otherwise", async () => {
    const directory = await folderOf({ ...split("train", ["cat"]), ...split("test", ["cat"]) });
    const { val } = await openSplits(directory);
    expect(val.notes).toEqual([`"${join(directory, "test")}": test is taken for val`]);
  });

  it("takes a model's classes in another order than the folders'", async () => {
    const directory = await folderOf({ ...split("train", ["cat", "dog"]), ...split("val", ["cat", "dog"]) });
    const { train, val } = await openSplits(directory, { classes: ["dog", "cat"] });
    expect([...train.samples].map(({ label }) => label)).toEqual([1, 0]);
    expect([...val.samples].map(({ label }) => label)).toEqual([1, 0]);
    expect(val.classes).toEqual(["dog", "cat"]);
  });
});
