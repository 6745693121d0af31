/**
 * Is our inference as fast as the engine's? `npx tsx bench/inference.ts` compares a session of ours, in its thread and fed as
 * `eval` feeds it, with a bare loop over onnxruntime-node on the same ONNX file. Pictures a second, B0, batch 16.
 */
import { fileURLToPath } from "node:url";
import { architecture, freshModel, inferenceGraph, inferenceProgram } from "fixres/models";
import { serialize } from "fixres/onnx";
import { openSession, runEach } from "fixres/runtime";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { rate, report, rounds } from "./rounds.js";

const BATCH = 16;
const [variant, size = "224"] = process.argv.slice(2);
const resolution = Number(size);

async function* endless<T>(value: T): AsyncGenerator<T> {
  for (;;) yield value;
}

async function measure(): Promise<number> {
  const model = freshModel(
    architecture("efficientnet_b0"),
    Array.from({ length: 1000 }, (_, i) => String(i)),
    0,
  );
  const pixels = Uint8Array.from({ length: BATCH * resolution ** 2 * 3 }, (_, i) => (i * 7919) % 251);
  if (variant === "fixres") {
    const session = await openSession(inferenceProgram(model, { resolution, batch: BATCH }));
    const calls = runEach(session, endless(pixels), (batch) => ({ pixels: batch }));
    const result = await rate(BATCH, 5, 40, () => calls.next());
    await calls.return(undefined);
    await session.dispose();
    return result;
  }
  const graph = inferenceGraph(model, { resolution, batch: BATCH });
  const file = serialize(graph, { bind: ({ name }) => ({ kind: "data", data: model.tensors.get(name)!.data }) });
  const session = await InferenceSession.create(file);
  const feeds = { pixels: new Tensor("uint8", pixels, [BATCH, resolution, resolution, 3]) };
  return rate(BATCH, 5, 40, () => session.run(feeds));
}

if (variant === undefined) {
  for (const at of ["224", "320"]) {
    const command = process.execPath;
    const args = ["--import", "tsx", fileURLToPath(import.meta.url)];
    const variants = ["fixres", "bare"].map((name) => ({ name, command, args: [...args, name, at] }));
    report(`inference of B0 at ${at}, batch ${BATCH}, pictures/s`, rounds(variants, 9));
  }
} else console.log(await measure());
