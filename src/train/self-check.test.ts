import { expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { architecture, freshModel } from "../models/index.js";
import { decodeModel, withValues } from "../onnx/index.js";
import { openSession, type Session, type SessionOptions } from "../runtime/index.js";
import {
  checkDevice,
  compareSteps,
  defaultTrainOptions,
  initialState,
  OPTIMIZERS,
  optimizer,
  type StepGraph,
  type TrainOptions,
  trainingStep,
} from "./index.js";
import { noiseFeeds } from "./noise.js";

const model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), ["a", "b", "c"], 0);
const OPTIONS: TrainOptions = { ...defaultTrainOptions({ resolution: 32, dropout: 0.2 }), batchSize: 8 };
const pixels = Uint8Array.from({ length: 8 * 32 * 32 * 3 }, (_, i) => (i * 7919 + (i % 3) * (i >> 9)) % 251);
const labels = Int32Array.from({ length: 8 }, (_, i) => i % 3);

const stepOf = (options: Partial<TrainOptions> = {}, batchNorm: "operator" | "primitive" = "primitive"): StepGraph =>
  trainingStep(model, { ...OPTIONS, ...options }, { batchNorm });

const stateOf = (step: StepGraph, name: string = "sgd") =>
  initialState(step, optimizer(name), (parameter) => model.tensors.get(parameter)!.data);

const batchOf = (step: StepGraph) => ({ pixels, labels, ...noiseFeeds(step.noise, 0, 1) });

/** Runs `use` on a session of the CPU, in place of another device's. */
async function onStandIn<T>(
  program: StepGraph["program"],
  options: SessionOptions,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(program, { where: "here", threads: 1, ...options });
  try {
    return await use(session);
  } finally {
    await session.dispose();
  }
}

/** Checks a session as that of a GPU. @returns what was said */
async function checked(session: Session, step: StepGraph, options: Partial<TrainOptions> = {}): Promise<string> {
  await session.setState(stateOf(step, options.optimizer));
  const said: string[] = [];
  const progress = { start: () => ({ advance() {}, end() {} }), note: (text: string) => void said.push(text) };
  const { accumulate: run } = { ...OPTIONS, ...options };
  await checkDevice({ session, step, feeds: batchOf(step), run, device: "webgpu", threads: 1, progress });
  return said.join("\n");
}

it.each(OPTIMIZERS)("other kernels of the same step agree, under %s", async (name) => {
  const options = { optimizer: name, clipNorm: 1, averageDecay: 0.99, accumulate: 2 };
  const step = stepOf(options);
  // Without its optimiser the engine fuses nothing and sums in another order.
  const said = await onStandIn(step.program, { optimize: false }, (session) => checked(session, step, options));
  expect(said).toMatch(/^self-check: a step on webgpu agrees with the CPU's \(loss within .*e-.*, what it adds .*\)$/);
});

it("the two forms of BatchNorm agree", async () => {
  const [operator, primitive] = [stepOf({}, "operator"), stepOf({}, "primitive")];
  const deviations = await onStandIn(operator.program, {}, (one) =>
    onStandIn(primitive.program, {}, (other) => {
      const feeds = { ...batchOf(primitive), ...primitive.scalars(1, 1) };
      return compareSteps(one, other, { state: stateOf(primitive), feeds });
    }),
  );
  expect(deviations.length).toBe(primitive.state.length + 1);
  for (const { name, value } of deviations) expect(value, name).toBeLessThan(name === "loss" ? 1e-5 : 1e-2);
});

it("a session that was checked has its own state again", async () => {
  const step = stepOf();
  await onStandIn(step.program, {}, async (session) => {
    await checked(session, step);
    expect(await session.getState()).toEqual(stateOf(step));
  });
});

const near = (value: number, other: number): boolean => Math.abs(value - other) < 1e-6 * other;

it.each<[string, (name: string, value: number) => boolean, number, RegExp]>([
  [
    "a gradient's factor",
    (name, value) => name.startsWith("grad/") && value > 0 && value < 0.1,
    2,
    /what it adds to "[^"]+" differs by \S+ of its size, where 0\.2 is allowed/,
  ],
  [
    "the weight of a batch's variance",
    (name, value) => name.startsWith("scalar") && value > 0.1001 && value < 0.12,
    1.5,
    /what it adds to "\S+\.running_var" differs by \S+ of its size/,
  ],
  ["the loss's smoothing", (_, value) => near(value, 0.1 / 3), 1.5, /the loss differs by/],
  ["an epsilon", (name, value) => name.startsWith("stem/") && near(value, 1e-5), Number.NaN, /the loss differs by NaN/],
])("a step in which %s is another is refused", async (_, isIt, factor, message) => {
  const step = stepOf();
  const file = decodeModel(step.program.model);
  const constants = file.graph.node.flatMap(({ opType, output, attribute }) =>
    opType === "Constant" && attribute[0]!.t!.rawData.length === 4 ? [[output[0]!, attribute[0]!.t!] as const] : [],
  );
  const value = (data: Uint8Array): number => Buffer.from(data).readFloatLE();
  const [, tensor] = constants.find(([name, { rawData }]) => isIt(name, value(rawData)))!;
  tensor.rawData = new Uint8Array(Float32Array.of(value(tensor.rawData) * factor).buffer);
  const damaged = withValues(file, new Map(), {});
  const refused = onStandIn({ ...step.program, model: damaged }, {}, (session) => checked(session, step));
  await expect(refused).rejects.toThrow(RequestError);
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.toThrow(/Use --device cpu, or skip the check with --no-self-check\.$/);
});

it("the CPU is not compared with itself, nor what is not to be checked", async () => {
  const session = null as unknown as Session;
  const step = stepOf();
  const progress = { start: () => ({ advance() {}, end() {} }), note() {} };
  await checkDevice({ session, step, feeds: {}, progress });
  await checkDevice({ session, step, feeds: {}, device: "webgpu", selfCheck: false, progress });
});
