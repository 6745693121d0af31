import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { folderOf } from "../pictures.testing.js";
import { type ClassOptions, withClasses } from "./classes.js";
import type { Source } from "./source.js";

/** A source with a picture a class, in order. */
const sourceOf = (classes: readonly string[]): Source => ({
  name: "data",
  classes,
  samples: classes.map((name, label) => ({ name: `${name}.png`, path: `data/${name}.png`, label })),
  notes: [],
});

/** Labels, behind the class that each picture has in the data. */
const mapped = async (classes: readonly string[], options: ClassOptions) => {
  const source = await withClasses(sourceOf(classes), options);
  return { ...source, labels: Array.from(source.samples, ({ label }) => label) };
};

const refusal = async (classes: readonly string[], options: ClassOptions): Promise<string> => {
  const error = await withClasses(sourceOf(classes), options).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DataError);
  return (error as DataError).message;
};

describe("withClasses", () => {
  const model = ["n01", "n02", "n03", "n04"];

  it("leaves alone what agrees", async () => {
    const source = await mapped(model, { classes: model });
    expect([source.labels, source.classes, source.notes]).toEqual([[0, 1, 2, 3], model, []]);
    expect((await mapped(model, {})).classes).toEqual(model);
    expect((await mapped(model, { classes: 4 })).classes).toEqual(model);
  });

  it("matches a part of the model's classes by name, for a test alone", async () => {
    const source = await mapped(["n02", "n04"], { classes: model, subset: true });
    expect([source.labels, source.classes]).toEqual([[1, 3], model]);
    expect(source.notes).toEqual(['"data" has 2 of the model\'s 4 classes, matched by name']);
    expect(await refusal(["n02", "n04"], { classes: model })).toBe(
      '"data" has 2 classes, but the model has 4; they must be the same.',
    );
  });

  it("matches another order by name, and says so", async () => {
    const source = await mapped(["n04", "n03", "n02", "n01"], { classes: model });
    expect(source.labels).toEqual([3, 2, 1, 0]);
    expect(source.notes).toEqual(['"data": classes are matched by name, since their order is another']);
  });

  it("takes numbers as positions", async () => {
    expect(await mapped(["0", "1", "2", "3"], { classes: model })).toMatchObject({
      labels: [0, 1, 2, 3],
      classes: model,
      notes: ['"data": classes are numbers, taken as positions of the model\'s'],
    });
    // As many as the model has: whichever number they begin with.
    expect((await mapped(["1", "2", "3", "4"], { classes: model })).labels).toEqual([0, 1, 2, 3]);
    expect(await mapped(["1", "3"], { classes: model, subset: true })).toMatchObject({
      labels: [1, 3],
      notes: ['"data" has 2 of the model\'s 4 classes, matched by position'],
    });
    expect((await mapped(["1", "3"], { classes: 4, subset: true })).classes).toEqual(["0", "1", "2", "3"]);
  });

  it("adds the offset that is asked for", async () => {
    expect(await mapped(["2", "4"], { classes: model, subset: true, labelOffset: -1 })).toMatchObject({
      labels: [1, 3],
      notes: ['"data" has 2 of the model\'s 4 classes, matched by position, -1 added'],
    });
    expect(await refusal(["2", "4"], { classes: model, subset: true })).toBe(
      '"data": class 4 is output 4 of the model, which has 4 (0 to 3); give --label-offset where labels count from another number.',
    );
  });

  it("leaves the background's output out where a model has one", async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `n${i + 1000}`);
    const source = await mapped(names, { classes: 1001, subset: true });
    expect([source.labels[0], source.labels[999], source.classes[1000]]).toEqual([1, 1000, "n1999"]);
    expect(source.notes).toEqual([
      `"data" has 1000 of the model's 1001 classes, matched by position, behind the background's`,
    ]);
  });

  it("takes the order of a class map, as timm's", async () => {
    const map = join(await folderOf({ "map.txt": "dog\ncat\nfox\nowl\n" }), "map.txt");
    const source = await mapped(["cat", "owl"], { classes: 4, subset: true, classMap: map });
    expect([source.labels, source.classes]).toEqual([
      [1, 3],
      ["dog", "cat", "fox", "owl"],
    ]);
    // Where the model has names too, they stay: the map says which is which.
    expect((await mapped(["cat", "owl"], { classes: model, subset: true, classMap: map })).classes).toEqual(model);
    expect(await refusal(["bee"], { classes: 4, subset: true, classMap: map })).toContain(
      '1 of 1 classes are not among the 4 of class map "',
    );
    expect(await refusal(["cat"], { classes: 3, subset: true, classMap: map })).toContain(
      "has 4 names, but the model has 3 classes",
    );
  });

  it("names a class that the model does not have", async () => {
    expect(await refusal(["n02", "n09"], { classes: model, subset: true })).toBe(
      '"data": 1 of 2 classes are not among the 4 of the model: "n09" is not; its first are n01, n02, n03. Give --class-map where the names are others.',
    );
    expect(await refusal(["a", "b"], { classes: 4, subset: true })).toContain("has 2 classes, but the model has 4");
  });

  it("leaves out what is not among the valid labels, and says which classes compete", async () => {
    const file = join(await folderOf({ "valid.txt": "n04\n1\n" }), "valid.txt");
    const source = await mapped(model, { classes: model, validLabels: file });
    expect([source.labels, source.competing]).toEqual([
      [1, 3],
      [1, 3],
    ]);
    expect(source.samples[1]!.name).toBe("n04.png");
    expect(source.notes).toEqual([
      `"data": 2 of 4 classes compete, those of "${file}"; 2 pictures of others are left out`,
    ]);
    const other = join(await folderOf({ "valid.txt": "n09\n" }), "valid.txt");
    expect(await refusal(model, { classes: model, validLabels: other })).toContain(
      '"n09" is neither a class of the model nor a number below 4',
    );
  });

  it("reads through to where the pictures are", async () => {
    const file = join(await folderOf({ "valid.txt": "n03" }), "valid.txt");
    const asked: number[] = [];
    const read = async (index: number): Promise<Uint8Array> => {
      asked.push(index);
      return new Uint8Array(0);
    };
    const source = await withClasses({ ...sourceOf(model), read }, { classes: model, validLabels: file });
    await source.read!(0);
    expect(asked).toEqual([2]);
  });
});
