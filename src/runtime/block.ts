import { GraphBuilder, serialize, toBlocks } from "../onnx/index.js";
import type { Program } from "./session.js";
import { openThreadSession } from "./thread.js";

/** More channels than any block has. */
const CHANNELS = 128;

/** Two pixels of so many channels, numbered in ONNX's order, in the engine's own layout. */
function probe(): Program {
  const b = new GraphBuilder([], 1);
  const x = b.input("x", "float32", [1, CHANNELS, 1, 2]);
  return { model: serialize({ name: "probe", inputs: [x], outputs: { y: toBlocks(b, x) } }) };
}

let found: Promise<number | null> | undefined;

/**
 * How many channels ONNX Runtime's CPU keeps together in its own layout (`onnx/blocks.ts`), which is its vectors' length here: found by
 * having it order some, once a process. Null where it has no such layout.
 */
export function channelBlock(): Promise<number | null> {
  found ??= measured();
  return found;
}

async function measured(): Promise<number | null> {
  try {
    const session = await openThreadSession(probe(), { threads: 1 });
    const { y } = await session.run({ x: Float32Array.from({ length: 2 * CHANNELS }, (_, i) => i) });
    await session.dispose();
    // The second pixel of the first channel stands behind the first pixel of a block.
    const block = (y as Float32Array).indexOf(1);
    return block > 1 && CHANNELS % block === 0 ? block : null;
  } catch {
    return null;
  }
}
