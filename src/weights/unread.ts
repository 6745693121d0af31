import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { DataError, reason } from "../errors.js";
import { indexedSafetensors, view } from "./safetensors.js";
import type { Tensor, TensorPlace } from "./tensor.js";

/** What a read gives at most, bytes. */
const LARGEST_READ = 2 ** 30;

/**
 * The tensors of a safetensors file that stays on disk until somebody looks at the elements of one; then all of it is read. An
 * engine can map what nobody has looked at: the weights of the largest networks are in memory once less, and pages of a file
 * are given back when memory runs short. Whoever cuts the file short meanwhile ends the process; replacing it is harmless.
 * @throws {DataError} where it is missing or malformed, and later, by a tensor, where it is no longer the file that was opened
 */
export async function openUnread(path: string): Promise<ReadonlyMap<string, Tensor>> {
  const { index, stats } = await indexedSafetensors(path);
  const file = new UnreadFile(path, stats);
  return new Map(
    [...index].map(([name, location]) => {
      const { type, shape, offset, length } = location;
      // Its elements are copies, made when first looked at.
      let converted: Tensor["data"] | undefined;
      return [
        name,
        {
          type: type === "bfloat16" ? "float32" : type,
          shape,
          get data() {
            if (type !== "bfloat16") return view(file.bytes(), location).data;
            converted ??= view(file.bytes(), location).data;
            return converted;
          },
          // Behind `data`: a copy by spreading has read that first, so it has no place.
          get place(): TensorPlace | null {
            return type === "bfloat16" || !file.isUnread() ? null : { path, offset, length };
          },
        },
      ];
    }),
  );
}

class UnreadFile {
  private content: Uint8Array | null = null;

  constructor(
    private readonly path: string,
    private readonly opened: Stats,
  ) {}

  /** Whether the file still stands for its tensors. @throws {DataError} where it is another by now */
  isUnread(): boolean {
    if (this.content !== null) return false;
    this.check(() => statSync(this.path));
    return true;
  }

  /** All of the file, in memory that threads share. */
  bytes(): Uint8Array {
    this.content ??= this.read();
    return this.content;
  }

  private read(): Uint8Array {
    this.check(() => statSync(this.path));
    const file = openSync(this.path, "r");
    try {
      this.check(() => fstatSync(file));
      const bytes = new Uint8Array(new SharedArrayBuffer(this.opened.size));
      for (let at = 0; at < bytes.length; ) {
        const count = readSync(file, bytes, at, Math.min(bytes.length - at, LARGEST_READ), at);
        if (count === 0) throw this.changed("it was cut short");
        at += count;
      }
      return bytes;
    } finally {
      closeSync(file);
    }
  }

  private check(look: () => Stats): void {
    let now: Stats;
    try {
      now = look();
    } catch (error) {
      throw this.changed(reason(error));
    }
    const { ino, size, mtimeMs } = this.opened;
    if (now.ino !== ino || now.size !== size || now.mtimeMs !== mtimeMs)
      throw this.changed("another was written there");
  }

  private changed(how: string): DataError {
    return new DataError(
      `safetensors file "${this.path}" changed while it was in use: ${how}. Run the same command again.`,
    );
  }
}
