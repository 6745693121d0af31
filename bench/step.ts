import { architecture, efficientnet, IMAGENET_NORMALIZATION, normalized } from "fixres/models";
import { GraphBuilder, parametersFor } from "fixres/onnx";
import { openSession } from "fixres/runtime";
import { initialState, sgd, stepGraph } from "fixres/train";
import { filled } from "../parity/fill.js";

const [arch = "efficientnet_b0", resolution = "224", batch = "16", threads = "2", profile] = process.argv.slice(2);
const R = Number(resolution);
const N = Number(batch);
const b = new GraphBuilder();
const pixels = b.input("pixels", "uint8", [N, R, R, 3]);
const labels = b.input("labels", "int32", [N]);
const network = efficientnet(b, normalized(b, pixels, IMAGENET_NORMALIZATION), architecture(arch), {
  classes: 1000,
  training: { batchStatistics: () => true, dropout: 0, dropPath: 0 },
});
const shapes = new Map(parametersFor([network.logits]).map(({ name, shape }) => [name, shape]));
const weights = (name: string) => filled({ name, shape: shapes.get(name)! });
const optimizer = sgd({ momentum: 0.9, weightDecay: 1e-5 });
const step = stepGraph(b, network, [pixels], labels, weights, {
  optimizer,
  labelSmoothing: 0.1,
  trainable: () => true,
});
const session = await openSession(step.program, { where: "here", threads: Number(threads), profilePrefix: profile });
await session.setState(initialState(step, optimizer, weights));
const data = {
  pixels: new Uint8Array(N * R * R * 3).map((_, i) => (i * 7919) % 251),
  labels: new Int32Array(N).map((_, i) => i * 17),
  "step/learningRate": Float32Array.of(0.01),
};
const times: number[] = [];
for (let i = 0; i < 8; i++) {
  const t = performance.now();
  const { loss } = await session.run(data);
  times.push(performance.now() - t);
  if (i === 7) console.log("loss", loss![0]);
}
times.sort((x, y) => x - y);
console.log(
  `${arch} ${R} batch ${N}: median ${times[4]!.toFixed(0)} ms = ${((N * 1000) / times[4]!).toFixed(2)} pictures/s`,
);
await session.dispose();
