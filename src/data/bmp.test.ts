import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { DataError } from "../errors.js";
import { folderOf } from "../pictures.testing.js";
import { decodePicture, pictureSize } from "./decode.js";
import { openFolder } from "./folder.js";
import { verify } from "./verify.js";

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
  /** CRC-32 of pixels of all 65,536 values, with five and with six bits of green. */
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

  it.each([
    ["555", 0],
    ["565", 1],
  ] as const)("has Pillow's bytes of every pixel of 16 bits: %s", async (fields, which) => {
    const masks = which === 1 ? [0xf800, 0x7e0, 0x1f] : [];
    const head = Buffer.alloc(54 + 4 * masks.length);
    head.write("BM");
    for (const [at, value] of [
      [10, head.length],
      [14, 40],
      [18, 256],
      [22, 256],
    ] as const)
      head.writeUInt32LE(value, at);
    head.writeUInt16LE(16, 28);
    if (fields === "565") head.writeUInt32LE(3, 30);
    for (const [i, mask] of masks.entries()) head.writeUInt32LE(mask, 54 + 4 * i);
    const pixels = new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, i) => i).buffer);
    expect(await answerTo(Buffer.concat([head, pixels]))).toEqual([256, 256, golden.every16[0]!.crc32[which]]);
  });

  it("reads text of more than a block, whose ends fall into numbers and comments", async () => {
    const samples = Uint8Array.from({ length: 700 * 400 * 3 }, (_, i) => (i * 7919) % 256);
    const comment = `#${"x".repeat(2 ** 20)}\n`;
    const text = [...samples].join(" ");
    const middle = text.indexOf(" ", text.length / 2);
    const file = `P3 700 400 255 ${text.slice(0, middle)}${comment}${text.slice(middle)}`;
    const { data } = await decodePicture(Buffer.from(file));
    expect(crc32(data)).toBe(crc32(samples));
  });

  it("takes no memory for pixels that are not there", async () => {
    let most = 0;
    const counting: ProxyHandler<typeof Uint8Array> = {
      construct(target, [first, ...others]) {
        if (typeof first === "number") most = Math.max(most, first);
        return Reflect.construct(target, [first, ...others]);
      },
    };
    vi.stubGlobal("Uint8Array", new Proxy(Uint8Array, counting));
    onTestFinished(() => void vi.unstubAllGlobals());
    for (const { base64 } of golden.refused) await answerTo(Buffer.from(base64, "base64"));
    // A palette.
    expect(most).toBe(256 * 3);
  });

  it("has pixels of its own, in a plain array", async () => {
    for (const { base64 } of golden.pictures) {
      const file = Buffer.from(base64, "base64");
      const { data } = await decodePicture(file);
      expect([data.constructor, data.buffer === file.buffer]).toEqual([Uint8Array, false]);
    }
  });

  it("allows just as many pixels as it is told", async () => {
    for (const { name, base64, width, height } of golden.pictures) {
      const file = Buffer.from(base64, "base64");
      const refused = decodePicture(file, { name, maxPixels: width * height - 1 });
      await expect(refused).rejects.toThrow(`has ${width} x ${height} pixels, more than the ${width * height - 1}`);
      expect((await decodePicture(file, { maxPixels: width * height })).width).toBe(width);
    }
  });

  it("has its size read from a path, however long its comments are", async () => {
    const [bmp] = golden.pictures;
    const files: Record<string, Uint8Array> = { "a.bmp": Buffer.from(bmp!.base64, "base64") };
    // A beginning of 4096 bytes is read: once it holds the whole header, once it ends in the height, once in the comment.
    for (const length of [1, 4096 - "P5 #\n 12 1".length, 5000]) {
      const head = `P5 #${"x".repeat(length)}\n 12 13 255 `;
      files[`${length}.pgm`] = Buffer.concat([Buffer.from(head), Buffer.alloc(12 * 13 + 4096)]);
    }
    const directory = await folderOf(files);
    expect(await pictureSize(join(directory, "a.bmp"))).toEqual({ width: bmp!.width, height: bmp!.height });
    for (const name of Object.keys(files).slice(1)) {
      expect(await pictureSize(join(directory, name))).toEqual({ width: 12, height: 13 });
      expect(await decodePicture(join(directory, name))).toMatchObject({ width: 12, height: 13 });
    }
  });

  it("stands in class folders, and is verified as any other", async () => {
    const file = (name: string): Buffer =>
      Buffer.from(golden.pictures.find((picture) => picture.name === name)!.base64, "base64");
    const directory = await folderOf({
      "cat/1.BMP": file("BMP, 24 bits"),
      "cat/2.ppm": file("PPM, P6"),
      "cat/3.pgm": file("PGM, P5").subarray(0, 99),
      "cat/4.pbm": file("PBM, P4"),
      "cat/5.pnm": file("PPM, P3"),
    });
    const source = await openFolder(directory);
    expect(source.notes).toEqual([]);
    const { bad, duplicates } = await verify([{ part: "train", source }]);
    expect(bad).toMatchObject([{ name: "cat/3.pgm", reason: expect.stringContaining("cut short (rows are missing)") }]);
    expect(duplicates.map((group) => group.map(({ name }) => name))).toEqual([["cat/1.BMP", "cat/2.ppm", "cat/5.pnm"]]);
  });
});
