import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { folderOf } from "../pictures.testing.js";
import { idxOf } from "./archives.testing.js";
import { readPicture } from "./loader.js";
import { openSource } from "./open.js";
import { openSplits } from "./splits.js";

const images = idxOf([3, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
const labels = idxOf([3], [7, 0, 2]);

describe("openIdx", () => {
  it.each([
    ["as it is", images, labels, ""],
    ["gzipped", gzipSync(images), gzipSync(labels), ".gz"],
  ])("reads MNIST's files %s", async (_, pictures, answers, end) => {
    const directory = await folderOf({
      [`t10k-images-idx3-ubyte${end}`]: pictures,
      [`t10k-labels-idx1-ubyte${end}`]: answers,
    });
    const source = await openSource(directory);
    expect(source.classes).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
    expect([...source.samples].map(({ label }) => label)).toEqual([7, 0, 2]);
    const { width, height, data } = await readPicture(source, 1);
    expect([width, height, ...data]).toEqual([2, 2, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7]);
  });

  it("reads colour, and both parts of a folder", async () => {
    const colour = idxOf([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]);
    const directory = await folderOf({
      "train-images-idx3-ubyte": colour,
      "train-labels-idx1-ubyte": idxOf([1], [1]),
      "t10k-images-idx3-ubyte": colour,
      "t10k-labels-idx1-ubyte": idxOf([1], [1]),
    });
    const { train, val } = await openSplits(directory);
    expect([train.name, val.name].map((name) => name.slice(directory.length))).toEqual([
      "/train-images-idx3-ubyte",
      "/t10k-images-idx3-ubyte",
    ]);
    expect([...(await readPicture(val, 0)).data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each([
    [
      "cut short",
      { "a-images-idx3-ubyte": images.subarray(0, 20) },
      "is cut short: 28 bytes make [3, 2, 2], it has 20",
    ],
    [
      "gzipped and cut short",
      { "a-images-idx3-ubyte": gzipSync(images).subarray(0, 20) },
      "is damaged or cut short (unexpected end of file)",
    ],
    ["another format", { "a-images-idx3-ubyte": Buffer.from("no picture") }, "is no IDX file of bytes"],
    ["other labels", { "a-labels-idx1-ubyte": idxOf([2], [0, 1]) }, "holds [2] labels for the 3 pictures"],
    ["numbers as pictures", { "a-images-idx3-ubyte": labels }, "holds [3], where pictures are [N, H, W]"],
  ])("refuses %s", async (_, changed, message) => {
    const directory = await folderOf({ "a-images-idx3-ubyte": images, "a-labels-idx1-ubyte": labels, ...changed });
    await expect(openSource(join(directory, "a-images-idx3-ubyte"))).rejects.toThrow(DataError);
    await expect(openSource(join(directory, "a-images-idx3-ubyte"))).rejects.toThrow(message);
  });

  it("says where labels are missing", async () => {
    const directory = await folderOf({ "train-images-idx3-ubyte.gz": gzipSync(images) });
    await expect(openSource(directory)).rejects.toThrow('train-images-idx3-ubyte.gz" has no labels beside it; put');
  });
});
