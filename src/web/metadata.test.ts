import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { GraphBuilder, parseModel, serialize } from "../onnx/index.js";
import { random } from "../random.js";
import { readMetadata } from "./metadata.js";

function model(metadata: Record<string, string>): Uint8Array {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [2, 3]);
  return serialize({ name: "small", inputs: [x], outputs: { y: b.relu(x) } }, { metadata });
}

/** Bytes of a length-delimited field; numbers below 16, lengths below 128. */
const field = (number: number, ...payload: number[]): number[] => [number * 8 + 2, payload.length, ...payload];
const entry = (...fields: number[][]): Uint8Array => Uint8Array.from(field(14, ...fields.flat()));
const A = [0x61];

describe("readMetadata", () => {
  const metadata = { other: "1", "fixres-model": '{"classes":["Zürich","猫"]}', last: "" };

  it("finds what protobuf's own reader finds", () => {
    const file = model(metadata);
    expect(parseModel(file).metadata).toEqual(metadata);
    for (const [key, value] of Object.entries(metadata)) expect(readMetadata(file, key, "m")).toBe(value);
    expect(readMetadata(file, "none", "m")).toBeNull();
  });

  it("takes the last of equal keys, fields in any order, left out and unknown ones", () => {
    const twice = [...entry(field(1, ...A), field(2, 0x31)), ...entry(field(2, 0x32), field(1, ...A))];
    expect(readMetadata(Uint8Array.from(twice), "a", "m")).toBe("2");
    expect(readMetadata(entry(field(1, ...A)), "a", "m")).toBe("");
    expect(readMetadata(entry(field(3, 1, 2), field(1, ...A), field(2, 0x33)), "a", "m")).toBe("3");
    // A varint, eight bytes and four bytes are stepped over.
    const others = [0x08, 0xff, 0x01, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1d, 1, 2, 3, 4];
    expect(readMetadata(Uint8Array.from([...others, ...entry(field(1, ...A), field(2, 0x34))]), "a", "m")).toBe("4");
  });

  it.each([
    ["a web page", [...new TextEncoder().encode("<!doctype html>")], "byte 0 starts no field"],
    [
      "a field that ends past the file",
      [0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1],
      "a field of 4294967295 bytes at byte 6 does not fit",
    ],
    [
      "a length of 2^63",
      [0x3a, ...Array<number>(9).fill(0x80), 1],
      "a field of 9223372036854776000 bytes at byte 11 does not fit",
    ],
    ["a number without end", Array<number>(40).fill(0xff), "byte 10 is no number's end"],
    ["a number cut short", [0x08, 0x80], "byte 2 is no number's end"],
    ["four bytes cut short", [0x0d, 1, 2], "a field of 4 bytes at byte 1 does not fit"],
    ["a group", [0x0b], "byte 0 starts no field"],
    ["field number 0", [0x02, 0], "byte 0 starts no field"],
    [
      "an entry whose text ends past it",
      [...entry([0x0a, 9, 0x61]), ...Array<number>(20).fill(0)],
      "a field of 9 bytes",
    ],
  ])("refuses %s", (_what, bytes, fault) => {
    const read = () => readMetadata(Uint8Array.from(bytes), "a", "cat.onnx");
    expect(read).toThrow(DataError);
    expect(read).toThrow(`model "cat.onnx" is no ONNX file, or a damaged one (${fault}`);
  });

  it("refuses a text that is not UTF-8", () => {
    const read = () => readMetadata(entry(field(1, ...A), field(2, 0xff)), "a", "m");
    expect(read).toThrow(DataError);
    expect(read).toThrow("(the text at byte 7 is not UTF-8)");
  });

  it("ends on every cut and on bytes changed at random, with a value or a DataError", () => {
    const file = model(metadata);
    const stream = random(0, "metadata");
    const attempt = (bytes: Uint8Array) => {
      try {
        readMetadata(bytes, "fixres-model", "m");
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
      }
    };
    for (let length = 0; length < file.length; length++) attempt(file.subarray(0, length));
    for (let i = 0; i < 3000; i++) {
      const bytes = file.slice();
      for (let n = stream.integer(4); n >= 0; n--) bytes[stream.integer(bytes.length)] = stream.integer(256);
      attempt(bytes);
    }
  });
});
