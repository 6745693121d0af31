/**
 * How soon is the optimum of a classifier over kept features found, and how good is it? `npx tsx bench/solver.ts` fits 100 and 1000
 * classes to 10,000 made-up rows of 1280 features, and Fashion-MNIST by the features of a small network, which it trains first; against 30 epochs of
 * SGD, and, with PYTHON=path/to/python (bench/peers/README.md), PyTorch's and SciPy's L-BFGS.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GraphBuilder } from "fixres/onnx";
import { openSession } from "fixres/runtime";
import { initialState, sgd, stepGraph } from "fixres/train";
import { type LinearClassifier, memoryRows, type SolveOptions, solveClassifier } from "fixres/tune";
import { random } from "../src/random.js";
import { fashionFeatures, type LabelledFeatures, madeUpFeatures } from "./features.js";
import { report, rounds } from "./rounds.js";

/** Rows that a case is judged by, beside those that it is fitted to. */
const TEST_ROWS = 5000;
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const STRENGTH = 3e-4;
/** Of ours; one a core where THREADS does not say. */
const THREADS = process.env.THREADS === undefined ? undefined : Number(process.env.THREADS);

interface Case {
  readonly rows: number;
  readonly width: number;
  readonly classes: number;
  readonly strength: number;
  /** The optimum's value, once it is known. */
  readonly optimum?: number;
}

const [variant = "all", directory = "", extra = ""] = process.argv.slice(2);
const here = fileURLToPath(import.meta.url);
const peer = fileURLToPath(new URL("peers/solver.py", import.meta.url));
const { PYTHON } = process.env;

const array = async <T>(Type: new (buffer: ArrayBufferLike) => T, name: string): Promise<T> => {
  const bytes = await readFile(join(directory, name));
  return new Type(Uint8Array.from(bytes).buffer);
};

async function read(): Promise<Case & LabelledFeatures & { start: LinearClassifier }> {
  const one = JSON.parse(await readFile(join(directory, "case.json"), "utf8")) as Case;
  const start = await array(Float32Array, "start");
  const weights = one.classes * one.width;
  return {
    ...one,
    features: await array(Float32Array, "features"),
    labels: await array(Int32Array, "labels"),
    start: { weight: start.slice(0, weights), bias: start.slice(weights) },
  };
}

const fitted = ({ features, labels, rows, width }: Case & LabelledFeatures): LabelledFeatures => ({
  features: features.subarray(0, rows * width),
  labels: labels.subarray(0, rows),
});

/** Loss with label smoothing, and top-1, of the rows that nothing was fitted to. */
function judged(
  { features, labels, rows, width, classes }: Case & LabelledFeatures,
  { weight, bias }: LinearClassifier,
) {
  let [loss, correct] = [0, 0];
  for (let row = rows; row < labels.length; row++) {
    const logits = Float64Array.from(bias);
    for (let c = 0; c < classes; c++)
      for (let i = 0; i < width; i++) logits[c]! += weight[c * width + i]! * features[row * width + i]!;
    const largest = Math.max(...logits);
    const total = largest + Math.log(logits.reduce((sum, v) => sum + Math.exp(v - largest), 0));
    const mean = logits.reduce((sum, v) => sum + v, 0) / classes;
    loss += total - 0.9 * logits[labels[row]!]! - 0.1 * mean;
    if (logits[labels[row]!] === largest) correct++;
  }
  const count = labels.length - rows;
  return `test loss ${(loss / count).toFixed(4)}, top-1 ${((100 * correct) / count).toFixed(2)}%`;
}

async function solve(options: SolveOptions) {
  const one = await read();
  const { features, labels } = fitted(one);
  return {
    one,
    ...(await solveClassifier(memoryRows(features, labels, one.width), one.start, { threads: THREADS, ...options })),
  };
}

/** 30 epochs of the published recipe at a base learning rate: batches of 32, momentum 0.9, weight decay 1e-4. */
async function epochs(baseRate: number): Promise<void> {
  const [BATCH, EPOCHS] = [32, 30];
  const one = await read();
  const { features, labels } = fitted(one);
  const { width, classes, start, rows } = one;
  const b = new GraphBuilder();
  const x = b.input("features", "float32", [BATCH, width]);
  const y = b.input("labels", "int32", [BATCH]);
  const logits = b.gemm(x, b.parameter("weight", [classes, width]), b.parameter("bias", [classes]), { transB: true });
  const optimizer = sgd({ momentum: 0.9, weightDecay: 1e-4 });
  const weights = (name: string) => start[name as keyof LinearClassifier];
  const options = { optimizer, labelSmoothing: 0.1, trainable: () => true };
  const step = stepGraph(b, { logits, statistics: [], noise: [] }, [x], y, weights, options);
  const session = await openSession(step.program, { where: "here" });
  await session.setState(initialState(step, optimizer, weights));
  const started = performance.now();
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const order = Int32Array.from({ length: rows }, (_, i) => i);
    random(0, "order", epoch).shuffle(order);
    for (let at = 0; at + BATCH <= rows; at += BATCH) {
      const chosen = order.subarray(at, at + BATCH);
      const batch = new Float32Array(BATCH * width);
      chosen.forEach((row, i) => {
        batch.set(features.subarray(row * width, (row + 1) * width), i * width);
      });
      await session.run({
        features: batch,
        labels: Int32Array.from(chosen, (row) => labels[row]!),
        "step/learningRate": Float32Array.of((8 * baseRate * BATCH) / 512),
      });
    }
  }
  const seconds = (performance.now() - started) / 1000;
  const state = (await session.getState()) as unknown as LinearClassifier;
  console.log(`  SGD, base rate ${baseRate}: ${seconds.toFixed(1)} s; ${judged(one, state)}`);
}

const run = (command: string, args: readonly string[]): string =>
  execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
const ours = (...args: string[]): string[] => ["--import", "tsx", here, ...args];

/** Everything that is asked of one case. */
async function compare(title: string, one: Case, data: LabelledFeatures, start?: LinearClassifier): Promise<void> {
  const place = await mkdtemp(join(tmpdir(), "fixres-bench-"));
  const write = (name: string, content: string | Uint8Array) => writeFile(join(place, name), content);
  const weights = one.classes * one.width;
  const bytes = (v: Float32Array | Int32Array): Uint8Array => new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
  const first = new Float32Array(weights + one.classes);
  if (start !== undefined) {
    first.set(start.weight);
    first.set(start.bias, weights);
  }
  await write("features", bytes(data.features));
  await write("labels", bytes(data.labels));
  await write("start", bytes(first));
  await write("case.json", JSON.stringify(one));
  console.log(`${title}: ${one.rows} rows of ${one.width}, ${one.classes} classes`);
  // Those that are made up start from zero.
  for (const towards of start === undefined ? ["zero"] : ["zero", "start"])
    console.log(run(process.execPath, ours("path", place, towards)).trimEnd());
  for (const rate of [1e-3, 1e-2, 1e-1]) console.log(run(process.execPath, ours("sgd", place, String(rate))).trimEnd());
  if (start === undefined && PYTHON !== undefined) {
    const found = JSON.parse(run(process.execPath, ours("fit", place))) as { objective: number };
    const reference = JSON.parse(run(PYTHON, [peer, place, "reference"])) as { optimum: number };
    console.log(
      `  above the optimum of float64: ${((found.objective / reference.optimum - 1) * 1e6).toFixed(2)}e-6 of it`,
    );
    await write("case.json", JSON.stringify({ ...one, ...reference }));
    const node = { name: "fixres", command: process.execPath, args: ours("seconds", place) };
    const peers = ["scipy", "torch"].map((name) => ({ name, command: PYTHON, args: [peer, place, name] }));
    report(
      "seconds to the optimum at one strength (fixres: until it stops; others: within 1e-5)",
      rounds([node, ...peers], ROUNDS),
    );
  }
  await rm(place, { recursive: true });
}

switch (variant) {
  case "fit": {
    const { weight, bias, report: made } = await solve({ strengths: [STRENGTH] });
    await writeFile(join(directory, "solution"), Buffer.concat([Buffer.from(weight.buffer), Buffer.from(bias.buffer)]));
    console.log(JSON.stringify(made.refit));
    break;
  }
  case "seconds":
    console.log((await solve({ strengths: [STRENGTH] })).report.seconds);
    break;
  case "path": {
    const { one, report: made, ...classifier } = await solve({ towards: extra as "zero" | "start" });
    const iterations = [...made.path, made.refit].reduce((sum, step) => sum + step.iterations, 0);
    for (const { strength, heldOutLoss, heldOutTop1, iterations: taken } of made.path)
      console.log(
        `    ${strength}: held-out loss ${heldOutLoss.toFixed(4)}, top-1 ${(100 * heldOutTop1).toFixed(2)}%, ${taken} iterations`,
      );
    console.log(
      `  towards ${extra}: strength ${made.strength} of ${made.path.length}, ${iterations} iterations, ${made.seconds.toFixed(1)} s; ${judged(one, classifier)}`,
    );
    break;
  }
  case "sgd":
    await epochs(Number(extra));
    break;
  default: {
    const width = 1280;
    for (const classes of [100, 1000]) {
      if (variant !== "all" && variant !== String(classes)) continue;
      const rows = 10_000;
      const data = await madeUpFeatures(rows + TEST_ROWS, width, classes, 0);
      await compare("made up", { rows, width, classes, strength: STRENGTH }, data);
    }
    if (variant !== "all" && variant !== "fashion") break;
    const { train, val, start } = await fashionFeatures();
    const features = new Float32Array(train.features.length + val.features.length);
    features.set(train.features);
    features.set(val.features, train.features.length);
    const labels = Int32Array.of(...train.labels, ...val.labels);
    const rows = train.labels.length;
    await compare(
      "Fashion-MNIST",
      { rows, width: features.length / labels.length, classes: 10, strength: STRENGTH },
      { features, labels },
      start,
    );
  }
}
