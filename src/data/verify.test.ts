import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { encoded, folderOf, pattern } from "../pictures.testing.js";
import type { Progress } from "../progress.js";
import { openParts } from "./splits.js";
import { verify } from "./verify.js";

describe("verify", () => {
  it("finds bad pictures, the same ones in whatever file, and counts classes", async () => {
    const [one, two] = [await encoded(pattern(20, 14)), await encoded(pattern(21, 14))];
    const directory = await folderOf({
      "train/cat/a.png": one,
      "train/cat/b.png": two,
      "train/dog/c.png": await encoded(pattern(22, 14)),
      "train/dog/d.png": one.subarray(0, 60),
      // The same pixels in another format and under another label.
      "val/cat/e.webp": await sharp(two).webp({ lossless: true }).toBuffer(),
      "val/dog/f.png": await encoded(pattern(23, 14)),
      "val/dog/g.png": await encoded(pattern(23, 14)),
      "val/dog/h.jpg": "",
    });
    const notes: string[] = [];
    let done = 0;
    const progress: Progress = {
      start: (task, total, unit) => {
        notes.push(`${task} ${total} ${unit}`);
        return {
          advance: (count) => {
            done += count;
          },
          end: () => notes.push("end"),
        };
      },
      note() {},
    };
    const found = await verify(await openParts(directory), { progress });
    expect(found).toMatchObject({
      pictures: 8,
      bad: [
        { part: "train", name: "dog/d.png", reason: expect.stringContaining("is damaged or cut short") },
        { part: "val", name: "dog/h.jpg", reason: expect.stringContaining("is an empty file") },
      ],
      duplicates: [
        [
          { part: "train", name: "cat/b.png", class: "cat" },
          { part: "val", name: "cat/e.webp", class: "cat" },
        ],
        [
          { part: "val", name: "dog/f.png", class: "dog" },
          { part: "val", name: "dog/g.png", class: "dog" },
        ],
      ],
      classes: { cat: { train: 2, val: 1 }, dog: { train: 2, val: 3 } },
    });
    expect([notes, done]).toEqual([["verify 8 pictures", "end"], 8]);
  });

  it("takes one part alone, and stops where it is told to", async () => {
    const directory = await folderOf({ "cat/a.png": await encoded(pattern(9, 9)) });
    const parts = await openParts(directory);
    expect((await verify(parts)).classes).toEqual({ cat: { val: 1 } });
    await expect(verify(parts, { signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow("stopped");
  });
});
