import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { maskedChecksum } from "../weights/index.js";

/** Scalars by tag, at a step. */
export interface ScalarEvent {
  readonly step: number;
  readonly scalars: Readonly<Record<string, number>>;
}

/** The record that a file for TensorBoard begins with. */
export const eventsHeader = (): Uint8Array =>
  record(new BinaryWriter().tag(3, WireType.LengthDelimited).string("brain.Event:2"));

/**
 * A record of TensorBoard's event file (tensorflow/core/util/event.proto, framed as core/lib/io/record_writer.h has it). It carries
 * the step in place of the time, so that a run gives the same bytes whenever it ran.
 */
export function eventRecord({ step, scalars }: ScalarEvent): Uint8Array {
  const summary = new BinaryWriter();
  for (const [tag, value] of Object.entries(scalars)) {
    const own = new BinaryWriter().tag(1, WireType.LengthDelimited).string(tag).tag(2, WireType.Bit32).float(value);
    summary.tag(1, WireType.LengthDelimited).bytes(own.finish());
  }
  return record(event(step).tag(5, WireType.LengthDelimited).bytes(summary.finish()));
}

const event = (step: number): BinaryWriter =>
  new BinaryWriter().tag(1, WireType.Bit64).double(step).tag(2, WireType.Varint).int64(step);

/** Length and data, each with its checksum. */
function record(writer: BinaryWriter): Uint8Array {
  const data = writer.finish();
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedChecksum(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedChecksum(data), true);
  return bytes;
}
