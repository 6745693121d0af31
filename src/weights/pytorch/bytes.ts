import { DataError } from "../../errors.js";

/** Bytes of a file that are read one after the other, never past their end. */
export class Bytes {
  at = 0;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly file: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Throws what is wrong with the file, in one line. */
  fail(message: string): never {
    throw new DataError(`checkpoint "${this.file}": ${message}. It is damaged or no checkpoint; fetch it again.`);
  }

  /** Moves on, and says where it was. Nothing is allocated by a length that the bytes do not cover. */
  skip(length: number): number {
    const start = this.at;
    if (!(length >= 0 && start + length <= this.bytes.length))
      this.fail(`it ends within ${length} bytes that it claims`);
    this.at = start + length;
    return start;
  }

  take(length: number): Uint8Array {
    const start = this.skip(length);
    return this.bytes.subarray(start, this.at);
  }

  byte(): number {
    return this.view.getUint8(this.skip(1));
  }

  /** Little-endian, of up to 8 bytes. */
  uint(length: 2 | 4 | 8): number {
    const start = this.skip(length);
    if (length === 2) return this.view.getUint16(start, true);
    return length === 4 ? this.view.getUint32(start, true) : Number(this.view.getBigUint64(start, true));
  }

  int32(): number {
    return this.view.getInt32(this.skip(4), true);
  }

  /** Big-endian, as pickles have them. */
  float64(): number {
    return this.view.getFloat64(this.skip(8), false);
  }

  /** A signed number of any length, little-endian; what JavaScript cannot hold exactly stays a bigint. */
  long(length: number): number | bigint {
    if (length > 64) this.fail("it holds a number of more than 64 bytes");
    const digits = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = value * 256n + BigInt(digits[i]!);
    if (length > 0 && digits[length - 1]! >= 128) value -= 1n << BigInt(8 * length);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  text(length: number): string {
    return new TextDecoder().decode(this.take(length));
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) this.fail("it ends within a line of its pickle");
    const text = this.text(end - this.at);
    this.at = end + 1;
    return text;
  }
}
