import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { decodePicture, pictureSize } from "./decode.js";

/** Width, height and CRC-32 of the pixels; null where Pillow refuses the file. */
type Answer = readonly [number, number, number] | null;
interface Golden {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly crc32: number;
  /** What the file's first bytes give, from a length on. */
  readonly cuts: readonly (readonly [number, Answer])[];
  readonly base64: string;
}
interface Damaged {
  readonly name: string;
  readonly places: readonly (readonly [number, number])[];
  readonly found: Answer;
}

const golden: {
  pictures: Golden[];
  refused: Pick<Golden, "name" | "base64">[];
  every16: { crc32: [number, number] }[];
  damaged: Damaged[];
} = JSON.parse(readFileSync(new URL("../../test/golden/pillow/bmp.json", import.meta.url), "utf8"));

const ONE_LINE =
  /^picture "cat\/7" (is damaged or cut short \(.+\); restore or remove it|has \d+ x \d+ pixels, more than the \d+ allowed; make it smaller or remove it|is no .+; convert or remove it|is an empty file; restore or remove it)\.$/;

/** @throws whatever is no `DataError` of one line */
async function answerTo(bytes: Uint8Array): Promise<Answer> {
  try {
    const { width, height, data } = await decodePicture(bytes, { name: "cat/7" });
    expect(data.length).toBe(width * height * 3);
    return [width, height, crc32(data)];
  } catch (error) {
    if (!(error instanceof DataError) || !ONE_LINE.test(error.message)) throw error;
    return null;
  }
}

describe("BMP and PNM", () => {
  it.each(golden.pictures)("has Pillow's bytes: $name", async ({ width, height, base64, crc32: bytes }) => {
    const file = Buffer.from(base64, "base64");
    expect(await answerTo(file)).toEqual([width, height, bytes]);
    expect(await pictureSize(file)).toEqual({ width, height });
  });

  it.each(golden.pictures)("is refused where Pillow refuses it, cut at each byte: $name", async ({ base64, cuts }) => {
    const file = Buffer.from(base64, "base64");
    const found: [number, Answer][] = [];
    for (let length = 0; length <= file.length; length++) {
      const answer = await answerTo(file.subarray(0, length));
      if (String(answer) !== String(found.at(-1)?.[1])) found.push([length, answer]);
    }
    expect(found).toEqual(cuts);
  });

  it.each(golden.refused)("is refused in one line: $name", async ({ base64 }) => {
    expect(await answerTo(Buffer.from(base64, "base64"))).toBeNull();
  });

  it("is refused or read as Pillow does where bytes were changed", async () => {
    const files = new Map(golden.pictures.map(({ name, base64 }) => [name, Buffer.from(base64, "base64")]));
    expect(golden.damaged.length).toBeGreaterThan(1000);
    for (const { name, places, found } of golden.damaged) {
      const bytes = Uint8Array.from(files.get(name)!);
      for (const [at, value] of places) bytes[at] = value;
      expect(await answerTo(bytes), `${name} with ${places.join("; ")}`).toEqual(found);
    }
  });
});
