import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { folderOf } from "../pictures.testing.js";
import { colourOf, pictureFile, tarOf } from "./archives.testing.js";
import { joinSources, openSource, openUnlabelled, readPicture, type Source } from "./index.js";

const names = (source: Source): string[] => Array.from(source.samples, ({ name }) => name);
/** Checks that each sample's picture is the golden one of a number. */
async function expectPictures(source: Source, numbers: readonly number[]): Promise<void> {
  expect(source.samples).toHaveLength(numbers.length);
  for (const [i, number] of numbers.entries())
    expect([...(await readPicture(source, i)).data.subarray(0, 3)]).toEqual(colourOf(number));
}

/** A Parquet file of pictures alone. */
async function picturesAlone(numbers: readonly number[]): Promise<Uint8Array> {
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    schema: [
      { name: "root", num_children: 1 },
      { name: "image", type: "BYTE_ARRAY", repetition_type: "REQUIRED" },
    ],
  });
  const data = await Promise.all(numbers.map(async (i) => new Uint8Array(await pictureFile(i))));
  await parquet.write({ columnData: [{ name: "image", data }], rowGroupSize: 2 });
  await parquet.finish();
  return writer.getBytes();
}

describe("openUnlabelled", () => {
  it("takes every picture of a folder, at any depth and whatever the folders are called", async () => {
    const png = await pictureFile(1);
    const directory = await folderOf({
      "b.png": png,
      "ant/c.png": png,
      "ant/deep/a.png": png,
      "notes.txt": "",
      ".x.png": png,
    });
    const source = await openUnlabelled(directory);
    expect(names(source)).toEqual(["b.png", "ant/c.png", "ant/deep/a.png"]);
    expect(source.classes).toEqual(["unlabelled"]);
    expect(source.notes).toEqual([`"${directory}": 3 unlabelled pictures; 1 files are no pictures, and left out`]);
    await expectPictures(source, [1, 1, 1]);
  });

  it("takes tars without labels, several as one", async () => {
    const directory = await folderOf({
      "a.tar": tarOf({ "0.png": await pictureFile(0), "1.png": await pictureFile(1) }),
      "b.tar": tarOf({ "0.png": await pictureFile(2), "0.cls": "7" }),
    });
    const source = await openUnlabelled(directory);
    expect(names(source)).toEqual(["a.tar:0.png", "a.tar:1.png", "b.tar:0.png"]);
    await expectPictures(source, [0, 1, 2]);
    await expectPictures(await openUnlabelled(`${directory}/{b,a}.tar`), [2, 0, 1]);
    expect(names(await openUnlabelled(`${directory}/a.tar`))).toEqual(["0.png", "1.png"]);
  });

  it("takes Parquet without a column of labels", async () => {
    const directory = await folderOf({ "data/x.parquet": await picturesAlone([3, 1, 2]) });
    await expectPictures(await openUnlabelled(directory), [3, 1, 2]);
    await expect(openSource(directory)).rejects.toThrow("has no column of labels (label)");
  });

  it("says where there is nothing", async () => {
    const directory = await folderOf({ "a.tar": tarOf({ "x.txt": "" }) });
    await expect(openUnlabelled(`${directory}/a.tar`)).rejects.toThrow(DataError);
    await expect(openUnlabelled(`${directory}/a.tar`)).rejects.toThrow("holds no pictures (JPEG,");
    await expect(openUnlabelled(`${directory}/b`)).rejects.toThrow("does not exist");
  });
});

it("joined sources have the pictures of both, in files and archives", async () => {
  const directory = await folderOf({
    "folder/one.png": await pictureFile(4),
    "a.tar": tarOf({ "0.png": await pictureFile(5) }),
  });
  const [folder, tar] = [await openUnlabelled(`${directory}/folder`), await openUnlabelled(`${directory}/a.tar`)];
  await expectPictures(joinSources(folder, tar), [4, 5]);
  await expectPictures(joinSources(tar, joinSources(folder, folder)), [5, 4, 4]);
  expect(joinSources(folder, folder).read).toBeUndefined();
});
