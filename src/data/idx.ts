import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { DataError, reason } from "../errors.js";
import { openFile, readRange } from "../files.js";
import type { Picture } from "../pixels/index.js";
import type { Source } from "./source.js";
import { ClassTable } from "./table.js";

/** Names of MNIST's files and of those made like them: which part, and whether pictures or labels. */
const IDX_NAME = /^(.*?)(images|labels)[-.]idx[13](-ubyte)?(\.gz)?$/;

/** Most bytes to which a compressed file may unfold: ten times MNIST's largest relative. */
const MOST_UNFOLDED = 2 ** 31;

export const isIdxImages = (file: string): boolean => IDX_NAME.exec(basename(file))?.[2] === "images";

/** The files of labels that may belong to one of pictures. */
export const idxLabelsFor = (images: string): string[] => {
  const plain = images.replace(/images([-.])idx3/, "labels$1idx1").replace(/\.gz$/, "");
  return [plain, `${plain}.gz`];
};

interface Idx {
  readonly shape: readonly number[];
  /** Bytes of the elements from `start` on; what is compressed is unfolded into memory. */
  read(start: number, length: number): Promise<Uint8Array>;
}

/**
 * MNIST's file format: a file of pictures [N, H, W] or [N, H, W, 3] and one of labels [N], bytes both, gzipped or not.
 * @throws {DataError} where a file is of another format, cut short, or the two do not belong together
 */
export async function openIdx(images: string, labels: string): Promise<Source> {
  const [pictures, answers] = [await openArray(images), await openArray(labels)];
  const [count = 0, height = 0, width = 0, channels = 1] = pictures.shape;
  if (![3, 4].includes(pictures.shape.length) || ![1, 3].includes(channels) || height * width === 0) {
    throw new DataError(
      `"${images}" holds [${pictures.shape.join(", ")}], where pictures are [N, H, W] or [N, H, W, 3].`,
    );
  }
  if (answers.shape.length !== 1 || answers.shape[0] !== count) {
    throw new DataError(
      `"${labels}" holds [${answers.shape.join(", ")}] labels for the ${count} pictures of "${images}"; give the file that belongs to it.`,
    );
  }
  const table = new ClassTable();
  for (const [i, label] of (await answers.read(0, count)).entries()) table.add(String(i), String(label));
  const { classes, samples } = table.finish((name) => `${images}:${name}`, { numbers: true });
  const bytes = height * width * channels;
  return {
    name: images,
    classes,
    samples,
    notes: [`"${images}": IDX with ${count} pictures of ${width} x ${height}; labels are numbers`],
    archives: [images],
    read: async (index): Promise<Picture> => {
      const data = await pictures.read(index * bytes, bytes);
      if (channels === 3) return { width, height, data };
      const rgb = new Uint8Array(bytes * 3);
      for (let i = 0; i < bytes; i++) rgb.fill(data[i]!, 3 * i, 3 * i + 3);
      return { width, height, data: rgb };
    },
  };
}

async function openArray(path: string): Promise<Idx> {
  const file = await openFile(path, "IDX file");
  try {
    const { size } = await file.stat();
    const start = await readRange(file, `IDX file "${path}"`, 0, new Uint8Array(Math.min(size, 4 + 4 * 4)));
    if (start[0] === 0x1f && start[1] === 0x8b) {
      const whole = await unfolded(path);
      const { shape, header } = shapeOf(path, whole, whole.length);
      return { shape, read: async (from, length) => whole.slice(header + from, header + from + length) };
    }
    const { shape, header } = shapeOf(path, start, size);
    return {
      shape,
      read: async (from, length) => {
        const again = await openFile(path, "IDX file");
        try {
          return await readRange(again, `IDX file "${path}"`, header + from, new Uint8Array(length));
        } finally {
          await again.close();
        }
      },
    };
  } finally {
    await file.close();
  }
}

async function unfolded(path: string): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(await readFile(path), { maxOutputLength: MOST_UNFOLDED });
  } catch (error) {
    throw new DataError(`IDX file "${path}" is damaged or cut short (${reason(error)}); fetch it again.`);
  }
}

/** @param size - bytes that there are */
function shapeOf(path: string, start: Uint8Array, size: number): { shape: number[]; header: number } {
  const view = new DataView(start.buffer, start.byteOffset, start.length);
  const [axes = 0, header = 4 + 4 * axes] = [start[3]];
  if (!(start[0] === 0 && start[1] === 0 && start[2] === 8 && axes >= 1 && axes <= 4 && start.length >= header)) {
    throw new DataError(`"${path}" is no IDX file of bytes; MNIST's begin with 0, 0, 8.`);
  }
  const shape = Array.from({ length: axes }, (_, i) => view.getUint32(4 + 4 * i));
  const needed = header + shape.reduce((product, length) => product * length, 1);
  if (needed > size) {
    throw new DataError(
      `IDX file "${path}" is cut short: ${needed} bytes make [${shape.join(", ")}], it has ${size}. Fetch it again.`,
    );
  }
  return { shape, header };
}
