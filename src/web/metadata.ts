import { DataError } from "../errors.js";

/** Fields of ONNX's ModelProto and StringStringEntryProto, by their numbers in onnx.proto. */
const METADATA_PROPS = 14;
const KEY = 1;
const VALUE = 2;

/** A field of a message; of a length-delimited one, where its bytes lie. */
interface Field {
  readonly number: number;
  readonly from: number;
  readonly to: number;
}

/**
 * One entry of an ONNX file's `metadata_props`, which ONNX Runtime does not show to JavaScript. The rest of the file is stepped
 * over: time grows with the number of its fields, and nothing is allocated but the entry's own text.
 * @param name - what messages call the file  @returns null where the file has no such entry
 * @throws {DataError} where the bytes are no ONNX model
 */
export function readMetadata(model: Uint8Array, key: string, name: string): string | null {
  try {
    let found: string | null = null;
    for (const { number, from, to } of fields(model, 0, model.length)) {
      if (number !== METADATA_PROPS) continue;
      const entry = new Map<number, Field>();
      for (const field of fields(model, from, to)) if (field.number <= VALUE) entry.set(field.number, field);
      // As of all repeated entries with one key, the last one counts.
      if (text(model, entry.get(KEY)) === key) found = text(model, entry.get(VALUE));
    }
    return found;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new DataError(
      `model "${name}" is no ONNX file, or a damaged one (${error.message}); give what \`fixres export\` wrote. A server may have answered with a page instead.`,
    );
  }
}

class WireError extends Error {}

/** A text in UTF-8, "" where the field is left out. */
function text(bytes: Uint8Array, field: Field | undefined): string {
  if (field === undefined) return "";
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(field.from, field.to));
  } catch {
    throw new WireError(`the text at byte ${field.from} is not UTF-8`);
  }
}

/** The fields of the message in bytes `start` to `end`. @throws {WireError} at the first that cannot be */
function* fields(bytes: Uint8Array, start: number, end: number): Generator<Field> {
  let at = start;
  const varint = (): number => {
    // Ten groups of seven bits at most. Past 2^53 the number is rounded, and too large for all that it is used for.
    for (let value = 0, scale = 1, i = 0; i < 10 && at < end; i++, scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new WireError(`byte ${at} is no number's end`);
  };
  while (at < end) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (number === 0) throw new WireError(`byte ${at - 1} starts no field`);
    let from = at;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      from = at;
      at += length;
    } else throw new WireError(`byte ${at - 1} starts no field`);
    if (at > end) throw new WireError(`a field of ${at - from} bytes at byte ${from} does not fit`);
    yield { number, from, to: at };
  }
}
