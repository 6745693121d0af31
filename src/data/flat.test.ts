import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { folderOf } from "../pictures.testing.js";
import { colourOf, GOLDEN, pictureFile, tarOf } from "./archives.testing.js";
import { readPicture } from "./loader.js";
import { openSource } from "./open.js";
import type { Source } from "./source.js";
import { openSplit } from "./splits.js";

const labelled = ({ classes, samples }: Source) => [...samples].map(({ name, label }) => [name, classes[label]]);
const meta = readFile(new URL("meta.mat", GOLDEN));

/** Three pictures as ImageNet's validation set has them, by their files. */
const VALIDATION = ["ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG", "ILSVRC2012_val_00000003.JPEG"];
const validation = async () =>
  Object.fromEntries(await Promise.all(VALIDATION.map(async (name, i) => [name, await pictureFile(i)] as const)));
// The devkit's numbers: 3 is n02, 1 is n03, 2 is n01.
const GROUND_TRUTH = { "ILSVRC2012_validation_ground_truth.txt": "3\n1\n2\n" };
const EXPECTED = [
  [VALIDATION[0], "n02"],
  [VALIDATION[1], "n03"],
  [VALIDATION[2], "n01"],
];

async function failure(path: string, labels?: string): Promise<string> {
  const error = await openSource(path, { labels }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).message).not.toContain("\n");
  return (error as DataError).message;
}

describe("ImageNet's validation set as distributed", () => {
  it("translates the devkit's numbers, which are not in the order of WordNet's ids", async () => {
    const directory = await folderOf({ ...(await validation()), ...GROUND_TRUTH, "meta.mat": await meta });
    const source = await openSource(directory);
    expect(source.classes).toEqual(["n01", "n02", "n03"]);
    expect(labelled(source)).toEqual(EXPECTED);
    expect([...(await readPicture(source, 2)).data.subarray(0, 3)]).toEqual(colourOf(2));
  });

  it("finds the unpacked devkit beside the folder or the tar, and takes a part of the pictures by their numbers", async () => {
    const devkit = (name: string): string => `ILSVRC2012_devkit_t12/data/${name}`;
    const files = await validation();
    const { [VALIDATION[1]!]: _, ...part } = files;
    const directory = await folderOf({
      [devkit("ILSVRC2012_validation_ground_truth.txt")]: "3\n1\n2\n",
      [devkit("meta.mat")]: await readFile(new URL("meta-plain.mat", GOLDEN)),
      "ILSVRC2012_img_val.tar": tarOf(files),
      ...Object.fromEntries(Object.entries(part).map(([name, bytes]) => [`val/${name}`, bytes])),
    });
    expect(labelled(await openSplit(directory, "val"))).toEqual([EXPECTED[0], EXPECTED[2]]);
    const tar = await openSource(join(directory, "ILSVRC2012_img_val.tar"));
    expect(labelled(tar)).toEqual(EXPECTED);
    expect([...(await readPicture(tar, 1)).data.subarray(0, 3)]).toEqual(colourOf(1));
  });

  it("takes Kaggle's table instead", async () => {
    const solution = VALIDATION.map(
      (name, i) => `${name.slice(0, -5)},${EXPECTED[i]![1]} 1 2 3 4 ${EXPECTED[i]![1]} 5 6 7 8 `,
    );
    const table = ["ImageId,PredictionString", ...solution].join("\n");
    const directory = await folderOf({ ...(await validation()), "LOC_val_solution.csv": table });
    expect(labelled(await openSource(directory))).toEqual(EXPECTED);
  });

  it.each([
    ["no meta.mat", {}, "meta.mat\" is missing, without which the devkit's numbers name no classes; put it beside"],
    ["another file as meta.mat", { "meta.mat": "text" }, 'meta.mat" is no MAT-file of level 5'],
    [
      "a number of what is above the classes",
      { "ILSVRC2012_validation_ground_truth.txt": "3\n1001\n2" },
      'line 2: "1001" is no number of the devkit',
    ],
  ])("refuses %s", async (what, changed, message) => {
    const directory = await folderOf({
      ...(await validation()),
      ...GROUND_TRUTH,
      ...(what === "no meta.mat" ? {} : { "meta.mat": await meta }),
      ...changed,
    });
    expect(await failure(directory)).toContain(message);
  });

  it("refuses a meta.mat that is cut short or damaged", async () => {
    const bytes = await readFile(new URL("meta-plain.mat", GOLDEN));
    for (const part of [0.2, 0.5, 0.9]) {
      const directory = await folderOf({
        ...(await validation()),
        ...GROUND_TRUTH,
        "meta.mat": bytes.subarray(0, Math.floor(bytes.length * part)),
      });
      expect(await failure(directory)).toMatch(/meta\.mat" (is damaged|holds no struct|has no field)/);
    }
  });
});

describe("pictures with a file of labels", () => {
  const pictures = { "b.png": "", "a.png": "", "c d.png": "" };
  const expected = [
    ["a.png", "cat"],
    ["b.png", "dog"],
    ["c d.png", "cat"],
  ];

  it.each([
    ["CSV with a head", "labels.csv", "id,filename,class\n1,b.png,dog\n2,a.png,cat\n3,c d.png,cat\n"],
    ["CSV without", "labels.csv", 'a.png,cat\r\n"c d.png",cat\r\nb.png,dog\r\n'],
    ["TSV without extensions", "labels.tsv", "image\tlabel\nb\tdog\na\tcat\nc d\tcat\n"],
    ["words", "val.txt", "b.png dog\na.png cat\nc d.png  cat\n"],
    ["words with folders", "val_labels.txt", "images/b.png dog\nimages/a.png cat\nimages/c d.png cat\n"],
    ["labels alone, in the order of names", "labels.txt", "cat\ndog\ncat\n"],
  ])("reads %s", async (_, name, text) => {
    const directory = await folderOf({ ...pictures, [name]: text });
    const source = await openSource(directory);
    expect(labelled(source)).toEqual(expected);
    expect(source.notes).toEqual([`"${directory}": 3 pictures, their labels from "${join(directory, name)}"`]);
  });

  it("keeps names with spaces whole where the file has commas", async () => {
    const directory = await folderOf({ "a.png": "", "labels.csv": "file,label\na.png,great white shark\n" });
    expect((await openSource(directory)).classes).toEqual(["great white shark"]);
  });

  it("takes a list as the data, its paths from its own folder", async () => {
    const directory = await folderOf({ "x/a.png": await pictureFile(1), "val.csv": "path,label\nx/a.png,3\n" });
    const source = await openSplit(directory, "val");
    expect(labelled(source)).toEqual([["x/a.png", "3"]]);
    expect(source.classes).toEqual(["0", "1", "2", "3"]);
    expect([...(await readPicture(source, 0)).data.subarray(0, 3)]).toEqual(colourOf(1));
  });

  it("takes pictures at any depth where the file is given", async () => {
    const directory = await folderOf({ "x/a.png": "", "y/b.png": "", "other/list.csv": "a.png,cat\nb.png,dog\n" });
    const source = await openSource(directory, { labels: join(directory, "other/list.csv") });
    expect(labelled(source)).toEqual([
      ["x/a.png", "cat"],
      ["y/b.png", "dog"],
    ]);
  });

  it("refuses names that do not tell pictures apart", async () => {
    const twice = await folderOf({ "x/1.png": "", "y/1.png": "", "list.csv": "1.png,cat\n" });
    expect(await failure(twice, join(twice, "list.csv"))).toContain(
      '"1.png" may be "x/1.png" or "y/1.png"; give names with their',
    );
    const flat = await folderOf({ "1.png": "", "labels.csv": "cat/1.png,cat\ndog/1.png,dog\n" });
    expect(await failure(flat)).toContain(
      'names "cat/1.png" and "dog/1.png", which the pictures\' names do not tell apart',
    );
  });

  it("tells of pictures that the file does not name", async () => {
    const directory = await folderOf({ ...pictures, "labels.csv": "a.png,cat\n" });
    expect((await openSource(directory)).notes[1]).toBe(
      `"${directory}": 2 pictures are not in "${join(directory, "labels.csv")}", and left out`,
    );
  });

  it.each([
    ["pictures that are not there", "a.png,cat\nz.png,dog\n", "names 1 pictures that"],
    ["none of the pictures", "x.png,cat\n", "names none of the 3 pictures of"],
    ["two labels of one picture", "a.png,cat\na.png,dog\n", 'line 2: "a.png" is dog here and cat before'],
    ["a line without a label", "a.png,cat\nb.png,\n", "line 2: name or label is missing (b.png,)"],
    ["too few labels", "cat\ndog\n", "has 2 labels without names for the 3 pictures"],
    ["nothing", "", "holds nothing"],
  ])("refuses a file of %s", async (_, text, message) => {
    const directory = await folderOf({ ...pictures, "labels.csv": text });
    expect(await failure(directory)).toContain(message);
  });

  it("says what to do where there is no such file", async () => {
    expect(await failure(await folderOf(pictures))).toContain(
      "no file of labels is beside them; give one with --labels",
    );
  });
});
