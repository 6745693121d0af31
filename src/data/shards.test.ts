import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Header } from "tar";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { folderOf } from "../pictures.testing.js";
import { colourOf, GOLDEN, pictureFile, tarOf } from "./archives.testing.js";
import { readPicture } from "./loader.js";
import { openSource } from "./open.js";
import type { Source } from "./source.js";

const labelled = ({ classes, samples }: Source) => [...samples].map(({ name, label }) => [name, classes[label]]);

async function failure(path: string): Promise<string> {
  const error = await openSource(path).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DataError);
  for (const character of ["\n", "\u001b"]) expect((error as DataError).message).not.toContain(character);
  return (error as DataError).message;
}

/** Two shards of a WebDataset: four pictures, the labels before or behind them. */
const shards = async () => ({
  "s-000.tar": tarOf({
    "a/0.png": await pictureFile(0),
    "a/0.cls": "2",
    "a/1.cls": "0\n",
    "a/1.extra.txt": "more",
    "a/1.png": await pictureFile(1),
  }),
  "s-001.tar": tarOf({
    "b/2.json": '{"label": 2}',
    "b/2.png": await pictureFile(2),
    "b/3.png": await pictureFile(3),
    "b/3.cls": "1",
  }),
});

describe("WebDataset", () => {
  it.each(["s-{000..001}.tar", "s-*.tar", "s-00?.tar", ""])("opens shards by %j", async (pattern) => {
    const directory = await folderOf(await shards());
    const source = await openSource(join(directory, pattern));
    expect(source.classes).toEqual(["0", "1", "2"]);
    expect(labelled(source)).toEqual([
      ["a/0.png", "2"],
      ["a/1.png", "0"],
      ["b/2.png", "2"],
      ["b/3.png", "1"],
    ]);
    for (let i = 0; i < 4; i++) expect([...(await readPicture(source, i)).data.subarray(0, 3)]).toEqual(colourOf(i));
    expect(source.samples[3]!.path).toBe(`${join(directory, "s-001.tar")}:b/3.png`);
    expect(source.notes).toEqual([`"${join(directory, pattern)}": 2 tars with 4 pictures, a WebDataset`]);
  });

  it("takes names as labels, from either companion", async () => {
    const png = await pictureFile(1);
    const directory = await folderOf({
      "a.tar": tarOf({ "0.png": png, "0.cls": "n02", "1.png": png, "1.json": '{"wnid":"n01"}' }),
    });
    expect(labelled(await openSource(join(directory, "a.tar")))).toEqual([
      ["0.png", "n02"],
      ["1.png", "n01"],
    ]);
  });

  it.each([
    [
      "no label in one",
      { "0.png": "", "0.cls": "1", "1.png": "" },
      'the picture "1.png" has no label, where others have',
    ],
    ["an empty label", { "0.png": "", "0.cls": "" }, '"0.cls" holds no label'],
    [
      "a label that is no text",
      { "0.png": "", "0.json": '{"label": [1]}' },
      "has a label that is neither name nor number ([1])",
    ],
    ["no JSON", { "0.png": "", "0.json": "{" }, '"0.json" is no JSON'],
    ["no pictures", { "0.txt": "" }, "holds no pictures"],
    [
      "names that would draw on a terminal",
      { "\u001b[2J.png": "", "1.cls": "1", "1.png": "" },
      'the picture "?[2J.png"',
    ],
  ])("refuses %s", async (_, files, message) => {
    const directory = await folderOf({ "a.tar": tarOf(files) });
    expect(await failure(join(directory, "a.tar"))).toContain(message);
  });

  it("names a shard that is missing", async () => {
    const directory = await folderOf(await shards());
    expect(await failure(join(directory, "s-{000..002}.tar"))).toContain('s-002.tar", of "');
    expect(await failure(join(directory, "t-*.tar"))).toContain("matches no file");
  });
});

describe("tars of folders", () => {
  it("takes a class a folder, hidden files left out", async () => {
    const png = await pictureFile(4);
    const directory = await folderOf({
      "a.tar": tarOf({
        "./val/dog/x.png": png,
        "./val/cat/y.png": png,
        "./val/cat/._y.png": "",
        "./val/readme.txt": "",
      }),
    });
    const source = await openSource(join(directory, "a.tar"));
    expect(source.classes).toEqual(["cat", "dog"]);
    expect(labelled(source).map(([, name]) => name)).toEqual(["dog", "cat"]);
  });

  it("takes a tar of tars, a class each, as ImageNet's training set is distributed", async () => {
    const inner = [tarOf({ "n01_0.png": await pictureFile(0) }), tarOf({ "n02_1.png": await pictureFile(1) })];
    const directory = await folderOf({ "train.tar": tarOf({ "n01.tar": inner[0]!, "n02.tar": inner[1]! }) });
    const source = await openSource(join(directory, "train.tar"));
    expect(labelled(source)).toEqual([
      ["n01/n01_0.png", "n01"],
      ["n02/n02_1.png", "n02"],
    ]);
    expect([...(await readPicture(source, 1)).data.subarray(0, 3)]).toEqual(colourOf(1));
  });

  it.each(["gnu", "pax", "ustar"])("reads long names as Python writes them: %s", async (format) => {
    const source = await openSource(fileURLToPath(new URL(`${format}.tar`, GOLDEN)));
    expect(source.classes).toEqual(["ant", "bee", "cat"]);
    expect(source.samples[0]!.name.startsWith("a-folder-with-a-name-that-goes-on-a-folder")).toBe(true);
    expect(source.samples[0]!.name.endsWith(format === "ustar" ? "/ant/0.png" : "é/ant/0.png")).toBe(true);
    for (let i = 0; i < 3; i++) expect([...(await readPicture(source, i)).data.subarray(0, 3)]).toEqual(colourOf(i));
  });
});

describe("a damaged tar", () => {
  it("is refused wherever it is cut, with the place", async () => {
    const png = await pictureFile(0);
    const whole = tarOf({ "dog/0.png": png, "cat/1.png": png });
    const directory = await folderOf({});
    const at = join(directory, "a.tar");
    for (const length of [0, 100, 512, 600, 1024, 1200, 1536, whole.length - 1024]) {
      await writeFile(at, whole.subarray(0, length));
      expect(await failure(at), String(length)).toMatch(
        /cut short at( its beginning| or behind "(dog\/0|cat\/1)\.png"): byte \d+ is needed, the last is \d+/,
      );
    }
  });

  it("is told from what is no tar", async () => {
    const whole = tarOf({ "dog/0.png": "x".repeat(512), "cat/1.png": "y" });
    whole[1024]! ^= 0xff;
    const directory = await folderOf({ "a.tar": whole, "b.tar": Buffer.alloc(2000, 7) });
    expect(await failure(join(directory, "a.tar"))).toContain(
      'is damaged: byte 1024, behind "dog/0.png", begins no file',
    );
    expect(await failure(join(directory, "b.tar"))).toContain("is no tar; compressed ones");
  });

  it("may claim any size without having it", async () => {
    const header = new Header({ path: "a.cls", size: 2 ** 40, type: "File" });
    header.encode();
    const directory = await folderOf({ "a.tar": Buffer.concat([header.block!, Buffer.alloc(2048)]) });
    expect(await failure(join(directory, "a.tar"))).toContain('cut short at or behind "a.cls"');
  });
});
