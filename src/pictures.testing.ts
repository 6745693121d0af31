/** Pictures and folders of pictures for tests. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { onTestFinished } from "vitest";
import { uniform } from "../parity/fill.js";
import type { Box, Picture } from "./pixels/index.js";

const patterns = new Map<string, Picture>();

/** The picture of that size in the golden files: ramps in red and green, a checkerboard in blue, noise over all. */
export function pattern(width: number, height: number): Picture {
  const key = `image ${width}x${height}`;
  const known = patterns.get(key);
  if (known) return known;
  const noise = uniform(key, width * height * 3);
  const data = new Uint8ClampedArray(noise.length);
  for (let i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 3) {
      const red = Math.floor((x * 255) / Math.max(1, width - 1));
      const green = Math.floor((y * 255) / Math.max(1, height - 1));
      const blue = (Math.floor(x / 8) + Math.floor(y / 8)) % 2 === 1 ? 255 : 0;
      data[i] = Math.floor(red * 0.75 + noise[i]! * 32 + 32);
      data[i + 1] = Math.floor(green * 0.75 + noise[i + 1]! * 32 + 32);
      data[i + 2] = Math.floor(blue * 0.75 + noise[i + 2]! * 32 + 32);
    }
  }
  const picture = { width, height, data: new Uint8Array(data.buffer) };
  patterns.set(key, picture);
  return picture;
}

/** Pillow's `crop`: what lies outside of the picture is black. */
export function cut({ width, height, data }: Picture, box: Box): Picture {
  const out = new Uint8Array(box.width * box.height * 3);
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const [fromX, fromY] = [box.left + x, box.top + y];
      if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) continue;
      const from = (fromY * width + fromX) * 3;
      out.set(data.subarray(from, from + 3), (y * box.width + x) * 3);
    }
  }
  return { width: box.width, height: box.height, data: out };
}

/** The file that holds a picture. */
export const encoded = ({ width, height, data }: Picture, format: "png" | "jpeg" | "webp" = "png"): Promise<Buffer> =>
  sharp(data, { raw: { width, height, channels: 3 } })
    .toFormat(format)
    .toBuffer();

/** A directory of files, removed when the test ends. Names are paths in it; a text stands for its bytes. */
export async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "fixres-data-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return directory;
}
