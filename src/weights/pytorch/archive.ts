import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from "yauzl";
import { DataError } from "../../errors.js";

/** Pickles of the largest published checkpoints take a few megabytes; nothing larger is unpacked. */
const MOST_PICKLE_BYTES = 256 * 2 ** 20;

/** Deflate packs no better than this; a record that claims more is no honest one. */
const MOST_RATIO = 1100;

/** What stands for a checksum that was not computed. */
const NO_CHECKSUM = 0;

const hex = (value: number): string => `0x${value.toString(16).padStart(8, "0")}`;

/** The records of a checkpoint in the zip form, by their names without the archive's own folder. */
export interface Archive {
  readonly records: ReadonlyMap<string, Entry>;
  /** Fails where a record is not there, has another size, or claims more than its packed bytes can hold. */
  check(name: string, bytes: number | null): Entry;
  /** The bytes of a record, whose checksum must be theirs. @param bytes - how many it must have, or null for a pickle, whose size nothing tells */
  read(name: string, bytes: number | null): Promise<Uint8Array>;
  close(): void;
}

/** A file that says where a read would leave it; yauzl's own reader throws there, out of reach of any caller (3.4). */
class FileReader extends RandomAccessReader {
  constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly size: number,
  ) {
    super();
  }

  override _readStreamForRange(start: number, end: number): Readable {
    if (this.holds(start, end))
      return start === end ? Readable.from([]) : createReadStream(this.path, { start, end: end - 1 });
    const outside = this.outside(start, end);
    return new Readable({
      read() {
        this.destroy(outside);
      },
    });
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    if (!this.holds(position, position + length)) {
      setImmediate(callback, this.outside(position, position + length));
      return;
    }
    this.file.read(buffer, offset, length, position).then(({ bytesRead }) => callback(null, bytesRead), callback);
  }

  override close(callback: (error: Error | null) => void): void {
    this.file.close().then(() => callback(null), callback);
  }

  private holds(start: number, end: number): boolean {
    return start >= 0 && start <= end && end <= this.size;
  }

  private outside(start: number, end: number): Error {
    return new Error(`bytes ${start} to ${end} of ${this.size} are asked for`);
  }
}

/** @param file - open, and closed with the archive  @throws {DataError} where it is no archive, or names leave their folder */
export async function openArchive(path: string, file: FileHandle): Promise<Archive> {
  const fail = (message: string): never => {
    throw new DataError(`checkpoint "${path}": ${message}. It is damaged or no checkpoint; fetch it again.`);
  };
  const guarded = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => fail(`its archive cannot be read (${(error as Error).message})`));
  const { size } = await file.stat();
  const reader = new FileReader(path, file, size);
  const zip: ZipFile = await guarded(
    fromRandomAccessReaderPromise(reader, size, { lazyEntries: true, autoClose: false }),
  );
  const records = new Map<string, Entry>();
  await guarded(
    (async () => {
      for await (const entry of zip.eachEntry()) {
        // torch.save puts everything into a folder that is called as the file was.
        const name = entry.fileName.slice(entry.fileName.indexOf("/") + 1);
        if (records.has(name)) throw new Error(`it has the record "${name}" twice`);
        records.set(name, entry);
      }
    })(),
  );
  const check: Archive["check"] = (name, bytes) => {
    const entry = records.get(name) ?? fail(`its archive lacks the record "${name}"`);
    const { uncompressedSize: length, compressedSize } = entry;
    if (bytes === null ? length > MOST_PICKLE_BYTES : length !== bytes)
      fail(`its record "${name}" has ${length} bytes${bytes === null ? "" : `, where ${bytes} are needed`}`);
    if (length > MOST_RATIO * compressedSize + MOST_RATIO)
      fail(`its record "${name}" claims ${length} bytes, packed into ${compressedSize}`);
    return entry;
  };
  const checkSum = (name: string, stored: number, bytes: Uint8Array): void => {
    // torch.serialization.set_crc32_options(False) leaves 0 in place of every checksum, and torch.load asks for none.
    if (stored === NO_CHECKSUM) return;
    const found = crc32(bytes);
    if (found !== stored) fail(`its record "${name}" has the CRC-32 ${hex(found)}, where ${hex(stored)} is written`);
  };
  return {
    records,
    check,
    async read(name, bytes) {
      const entry = check(name, bytes);
      const chunks: Buffer[] = [];
      await guarded(
        (async () => {
          for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
        })(),
      );
      const all = Buffer.concat(chunks);
      if (all.length !== entry.uncompressedSize)
        fail(`its record "${name}" has ${all.length} bytes of ${entry.uncompressedSize}`);
      checkSum(name, entry.crc32, all);
      return new Uint8Array(all.buffer, all.byteOffset, all.length);
    },
    close: () => zip.close(),
  };
}
