/** Archives and files of other programs for tests, written byte by byte. */
import { Header } from "tar";
import { encoded } from "../pictures.testing.js";

export const GOLDEN = new URL("../../test/golden/data/", import.meta.url);

/** The i-th picture of the golden data sets: one colour. */
export const colourOf = (i: number): number[] => [20 * i, 200 - 20 * i, 7 * i];

/** A PNG of the i-th picture. */
export const pictureFile = (i: number): Promise<Buffer> => {
  const colour = colourOf(i);
  return encoded({ width: 8, height: 6, data: Uint8Array.from({ length: 8 * 6 * 3 }, (_, at) => colour[at % 3]!) });
};

/** A tar of files by their names, as any program would write it. */
export function tarOf(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const parts: Buffer[] = [];
  for (const [path, content] of Object.entries(files)) {
    const bytes = Buffer.from(content as string);
    const header = new Header({ path, size: bytes.length, type: "File", mode: 0o644, mtime: new Date(0) });
    header.encode();
    parts.push(header.block!, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** An IDX file of bytes. */
export function idxOf(shape: readonly number[], bytes: ArrayLike<number>): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt16BE(0x0800 + shape.length, 2);
  for (const [i, length] of shape.entries()) header.writeUInt32BE(length, 4 + 4 * i);
  return Buffer.concat([header, Uint8Array.from(bytes)]);
}
