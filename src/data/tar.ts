import type { FileHandle } from "node:fs/promises";
import { Header, Pax } from "tar";
import { DataError } from "../errors.js";
import { openFile, readRange } from "../files.js";
import { shown } from "./source.js";

const BLOCK = 512;

/** Bytes that are read at once while headers are sought: small files behind one another come with their neighbours. */
const WINDOW = 8 << 10;

/** Most bytes of a name, or of what is said of a file before it. */
const MOST_BEFORE = 1 << 20;

/** A file in a tar: where its bytes are. */
export interface TarEntry {
  readonly name: string;
  /** Byte at which the file begins. */
  readonly offset: number;
  /** Its bytes. */
  readonly size: number;
  /** The file's bytes, for what is small. @throws {DataError} above a megabyte */
  bytes(): Promise<Uint8Array>;
}

/**
 * The files in a tar, in its order, by their headers alone: of what they hold nothing is read. A tar within the tar is looked into; its
 * files have its name, without `.tar`, as their folder.
 * @throws {DataError} where the file is no tar, or is cut short: with the place
 */
export async function* tarEntries(path: string): AsyncGenerator<TarEntry> {
  const file = await openFile(path, "tar");
  try {
    const { size } = await file.stat();
    yield* entriesBetween(new Reader(file, path, size), 0, size, "");
  } finally {
    await file.close();
  }
}

async function* entriesBetween(reader: Reader, from: number, end: number, folder: string): AsyncGenerator<TarEntry> {
  let at = from;
  let last = "";
  const whole = (until: number): void => {
    if (until <= end) return;
    const where = last === "" ? "at its beginning" : `at or behind "${shown(last)}"`;
    throw new DataError(
      `tar "${reader.path}" is cut short ${where}: byte ${until} is needed, the last is ${end}. Fetch it again.`,
    );
  };
  let extended: Pax | undefined;
  let shared: Pax | undefined;
  for (;;) {
    whole(at + BLOCK);
    const block = await reader.read(at, BLOCK);
    if (block.every((byte) => byte === 0)) return;
    const header = new Header(Buffer.from(block), 0, extended, shared);
    const start = at + BLOCK;
    if (!header.cksumValid) {
      if (at === from)
        throw new DataError(
          `"${shown(reader.path)}" is no tar; compressed ones (.tar.gz) must be unpacked or decompressed first.`,
        );
      throw new DataError(
        `tar "${reader.path}" is damaged: byte ${at}, behind "${shown(last)}", begins no file. Fetch it again.`,
      );
    }
    const size = header.size ?? 0;
    const name = header.path ?? "";
    switch (header.type) {
      case "ExtendedHeader":
      case "GlobalExtendedHeader": {
        whole(start + size);
        const global = header.type === "GlobalExtendedHeader";
        const pax = Pax.parse(
          Buffer.from(await reader.small(start, size, name)).toString(),
          global ? shared : extended,
          global,
        );
        if (global) shared = pax;
        else extended = pax;
        break;
      }
      case "NextFileHasLongPath":
      case "OldGnuLongPath":
        whole(start + size);
        extended = new Pax({
          ...extended,
          path: Buffer.from(await reader.small(start, size, name))
            .toString()
            .replace(/\0.*$/s, ""),
        });
        break;
      case "File":
      case "OldFile":
      case "ContiguousFile":
        last = name;
        whole(start + size);
        extended = undefined;
        if (name.endsWith(".tar")) yield* entriesBetween(reader, start, start + size, `${folder}${name.slice(0, -4)}/`);
        else yield { name: folder + name, offset: start, size, bytes: () => reader.small(start, size, name) };
        break;
      case "SparseFile":
        throw new DataError(
          `tar "${reader.path}" holds the sparse file "${shown(name)}", which is not read; pack it again without.`,
        );
      default:
        // Folders, links and devices hold no pictures.
        extended = undefined;
    }
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
}

class Reader {
  private window: Uint8Array = new Uint8Array(0);
  private start = 0;

  constructor(
    private readonly file: FileHandle,
    readonly path: string,
    private readonly size: number,
  ) {}

  /** Bytes of the file, as a view that the next call may overwrite. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < this.start || offset + length > this.start + this.window.length) {
      this.window = new Uint8Array(Math.min(Math.max(WINDOW, length), this.size - offset));
      await readRange(this.file, `tar "${this.path}"`, offset, this.window);
      this.start = offset;
    }
    return this.window.subarray(offset - this.start, offset - this.start + length);
  }

  async small(offset: number, size: number, name: string): Promise<Uint8Array> {
    if (size > MOST_BEFORE)
      throw new DataError(`tar "${this.path}": "${shown(name)}" has ${size} bytes, more than such a file may have.`);
    return this.read(offset, size);
  }
}
