import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { Fail } from "./table.js";

type Value = number | bigint | string | Uint8Array;

/** The fields of a protocol buffer, as they were written. */
export class Message {
  private readonly fields = new Map<number, Value[]>();

  /** @param what - what the bytes should be, for messages */
  constructor(
    bytes: Uint8Array,
    private readonly what: string,
    private readonly fail: Fail,
  ) {
    const reader = new BinaryReader(bytes);
    try {
      while (reader.pos < reader.len) {
        const [number, type] = reader.tag();
        const values = this.fields.get(number) ?? [];
        values.push(read(reader, type));
        this.fields.set(number, values);
      }
    } catch {
      fail(`${what} is no protocol buffer`);
    }
  }

  has(number: number): boolean {
    return this.fields.has(number);
  }

  /** A whole number, 0 where there is none; beyond what a double holds exactly it is not to be. */
  integer(number: number): number {
    const value = this.fields.get(number)?.at(-1) ?? 0;
    const integer = value instanceof Uint8Array ? Number.NaN : Number(value);
    if (!Number.isSafeInteger(integer)) this.fail(`${this.what} has no whole number in field ${number}`);
    return integer;
  }

  messages(number: number): Message[] {
    return (this.fields.get(number) ?? []).map((value) =>
      value instanceof Uint8Array
        ? new Message(value, this.what, this.fail)
        : this.fail(`${this.what} has no message in field ${number}`),
    );
  }
}

function read(reader: BinaryReader, type: WireType): Value {
  switch (type) {
    case WireType.Varint:
      return reader.int64();
    case WireType.Bit32:
      return reader.fixed32();
    case WireType.Bit64:
      return reader.fixed64();
    case WireType.LengthDelimited:
      return reader.bytes();
    default:
      throw new RangeError("groups are not used");
  }
}
