import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { random } from "../src/random.js";

const [WIDTH, HEIGHT] = [500, 375];

/** Sizes of detail, px, and how strong each is: about as photographs have them, so that a JPEG takes some 90 kB. */
const OCTAVES = [
  [125, 60],
  [32, 40],
  [8, 22],
  [2, 24],
] as const;

/**
 * Runs something over a temporary directory of JPEGs of 500 x 375 with detail of all sizes, in val/ and ten classes.
 * @param count - pictures, a multiple of ten
 */
export async function withPictures<T>(count: number, use: (directory: string) => T | Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "fixres-bench-"));
  try {
    await addPictures(directory, "val", count);
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/**
 * Writes such JPEGs into a part of a directory.
 * @param first - number of the first one; pictures of one number are the same
 */
export async function addPictures(directory: string, part: string, count: number, first = 0): Promise<void> {
  for (let c = 0; c < 10; c++) {
    const folder = join(directory, part, String(c));
    await mkdir(folder, { recursive: true });
    for (let i = c; i < count; i += 10) await (await picture(first + i)).toFile(join(folder, `${i}.jpg`));
  }
}

async function picture(seed: number): Promise<Sharp> {
  const stream = random(seed, "photograph");
  const sum = new Float32Array(WIDTH * HEIGHT * 3).fill(128);
  for (const [size, strength] of OCTAVES) {
    const [width, height] = [Math.ceil(WIDTH / size), Math.ceil(HEIGHT / size)];
    const noise = Uint8Array.from({ length: width * height * 3 }, () => stream.integer(256));
    const image = sharp(noise, { raw: { width, height, channels: 3 } });
    const smooth = await image.resize(WIDTH, HEIGHT, { fit: "fill", kernel: "cubic" }).raw().toBuffer();
    for (let i = 0; i < sum.length; i++) sum[i]! += (strength * (smooth[i]! - 128)) / 128;
  }
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 as const };
  return sharp(Uint8ClampedArray.from(sum), { raw }).jpeg({ quality: 92 });
}
