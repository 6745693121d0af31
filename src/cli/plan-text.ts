import type { Fate, Plan, PlannedFeatures, PlannedNorm, PlannedTensor } from "../fixres/index.js";
import { binaryBytes, duration, rate } from "../format.js";
import { table } from "./table.js";

const FATES: Readonly<Record<Fate, string>> = {
  frozen: "frozen",
  trained: "trained",
  follows: "follows the batches",
};

/** A plan as people read it. @param all - whether frozen tensors are listed one by one, and not by block */
export function planText(plan: Plan, { all = false }: { readonly all?: boolean } = {}): string {
  const { options, transforms, features } = plan;
  const { epochs, batchSize, baseLearningRate, decayEpochs } = options;
  const rateAtFirst = Number(((8 * baseLearningRate * batchSize) / 512).toPrecision(4));
  const solver =
    options.solver === "lbfgs"
      ? ["the solver lbfgs finds the optimum in place of these epochs, in a time that is not estimated"]
      : [];
  return [
    `${plan.model}, ${plan.classes} classes: ${options.mode}, recipe ${options.recipe}, ${epochs} epochs of ${features.train.pictures} pictures in batches of ${batchSize}`,
    ...solver,
    `SGD at ${rateAtFirst}, a tenth every ${decayEpochs} epochs; momentum ${options.momentum}, weight decay ${options.weightDecay}, label smoothing ${options.labelSmoothing}, seed ${options.seed}`,
    ...selection(plan),
    "",
    tensorsText(plan, all),
    "",
    normsText(plan.norms, all),
    "",
    "Pictures",
    `  in training  ${transforms.training.words}`,
    `  in the test  ${transforms.test.words}`,
    "",
    featuresText(plan),
    "",
    estimateText(plan),
  ].join("\n");
}

function selection({ options: { selectOn, holdout } }: Plan): string[] {
  if (selectOn === "none") return [];
  const what =
    selectOn === "holdout" ? `a holdout of ${holdout} of each class` : "the validation pictures (optimistic)";
  return [`the epoch is chosen on ${what}`];
}

function tensorsText({ tensors, totals }: Plan, all: boolean): string {
  const rows = all ? tensors.map(rowOf) : grouped(tensors);
  const sums = (Object.entries(totals) as [Fate, Plan["totals"][Fate]][])
    .filter(([, { tensors: own }]) => own > 0)
    .map(([fate, own]) => `${FATES[fate]}: ${own.tensors} tensors, ${own.count.toLocaleString("en")} numbers`);
  return `${table(["tensor", "shape", "numbers", ""], rows)}\n${sums.join("; ")}`;
}

const numbers = (count: number): string => count.toLocaleString("en");

const rowOf = ({ name, shape, count, fate }: PlannedTensor): string[] => [
  ...[name, `[${shape.join(", ")}]`, numbers(count), FATES[fate]],
];

/** Frozen tensors that follow one another and are of one block, as one row. */
function grouped(tensors: readonly PlannedTensor[]): string[][] {
  const rows: string[][] = [];
  let group: PlannedTensor[] = [];
  const flush = (): void => {
    const [first] = group;
    if (first === undefined) return;
    const count = group.reduce((sum, own) => sum + own.count, 0);
    rows.push(
      group.length === 1
        ? rowOf(first)
        : [blockOf(first.name), `${group.length} tensors`, numbers(count), FATES.frozen],
    );
    group = [];
  };
  for (const tensor of tensors) {
    const joins = tensor.fate === "frozen" && group.length > 0 && blockOf(group[0]!.name) === blockOf(tensor.name);
    if (!joins) flush();
    if (tensor.fate === "frozen") group.push(tensor);
    else rows.push(rowOf(tensor));
  }
  flush();
  return rows;
}

/** What a tensor's name begins with: `blocks.1.0` of `blocks.1.0.bn1.weight`, `onnx::Conv` of `onnx::Conv_213`. */
function blockOf(name: string): string {
  return /^[^.]+(\.\d+)*(?=\.)/.exec(name)?.[0] ?? name.replace(/_\d+$/, "");
}

function normsText(norms: readonly PlannedNorm[], all: boolean): string {
  const modeOf = ({ statistics, affine, fresh }: PlannedNorm): string =>
    `${statistics === "batch" ? "by the batch's statistics, which the running ones follow" : "by its running statistics, which stay"}; weight and bias ${affine}${fresh ? "; fresh, behind the convolution that its own is folded into, and folded into it again at the end" : ""}`;
  const still = norms.filter(({ statistics, affine }) => statistics === "running" && affine === "frozen");
  const shown = all ? norms : norms.filter((norm) => !still.includes(norm));
  const rest =
    still.length > 0 && !all
      ? [`  ${shown.length > 0 ? "all others" : "all"} (${still.length})  ${modeOf(still[0]!)}`]
      : [];
  if (norms.length === 0) return "BatchNorms: none stands by itself";
  return ["BatchNorms", ...shown.map((norm) => `  ${norm.name} (${norm.channels})  ${modeOf(norm)}`), ...rest].join(
    "\n",
  );
}

const PLACES: Readonly<Record<PlannedFeatures["where"], string>> = {
  disk: "disk",
  memory: "memory",
  none: "nowhere: computed anew in each epoch",
};

function featuresText({ features }: Plan): string {
  const parts = Object.entries(features) as ["train" | "val", PlannedFeatures][];
  const rows = parts.map(([part, own]) => [
    part,
    own.features.map(({ shape, type }) => `[${shape.join(", ")}] ${type}`).join(" + "),
    String(own.pictures),
    `${(own.bytesPerPicture / 1024).toFixed(1)} KiB`,
    binaryBytes(own.bytes),
    `${PLACES[own.where]}${own.where === "disk" && own.inMemory ? " and memory" : ""}`,
    String(own.found),
  ]);
  const notes = parts.flatMap(([part, { fault, displaced, entries, views }]) => [
    ...(fault === null ? [] : [`${part} does not fit: ${fault}`]),
    ...(displaced === 0 ? [] : [`${part}: ${binaryBytes(displaced)} of other features will make room`]),
    ...(views > 1 ? [`${part}: ${views} draws of each picture`] : []),
    ...entries.map(({ folder }) => `${part} on disk: ${folder}`),
  ]);
  const { features: cut, trunk } = features.train;
  const running = `${trunk.sessions} sessions with ${binaryBytes(trunk.weightBytes)} of weights each, ${trunk.batchSize} pictures a run`;
  return [
    `Cut at ${cut.map(({ name }) => name).join(", ")}; below it for each part ${running}`,
    table(["features", "a picture", "pictures", "each", "all", "kept in", "there"], rows),
    ...notes,
  ].join("\n");
}

function estimateText({ estimate, features, options }: Plan): string {
  const { seconds, memory, picturesPerSecond, decodedPerSecond, measuredSeconds } = estimate;
  const time = (s: number): string => (s < 10 ? `${Number(s.toPrecision(2))} s` : duration(s));
  const pass =
    picturesPerSecond === null
      ? "the features are all there"
      : `${rate(picturesPerSecond)} pictures/s (decoding alone ${rate(decodedPerSecond)})`;
  const epochs =
    features.train.where === "none"
      ? `${time(seconds.laterEpoch)} each`
      : `the first ${time(seconds.firstEpoch)}, others ${time(seconds.laterEpoch)}`;
  const most = options.selectOn === "none" ? "" : ` at most, of which ${time(seconds.choosing)} to choose the epoch`;
  return [
    `Estimate, from ${measuredSeconds.toFixed(1)} s of measuring here and now; expect a third more or less`,
    `  first pass   ${pass}`,
    `  epochs       ${epochs}`,
    `  evaluation   ${time(seconds.evaluation)}, once the features of ${features.val.pictures} pictures are there (${time(seconds.valFeatures)})`,
    `  whole        ${time(seconds.total)}${most}`,
    `  memory       ${binaryBytes(memory.peak)} at most: ${binaryBytes(memory.base)} process and weights, ${binaryBytes(memory.trunk)} trunk, ${binaryBytes(memory.top)} top, ${binaryBytes(memory.features)} features`,
  ].join("\n");
}
