import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";

let directory: string;
const at = (...names: string[]): string => join(directory, ...names);
const json = async (...names: string[]) => JSON.parse(await readFile(at(...names), "utf8"));
const SMALL = ["efficientnet_b0", "--width", "0.25", "--depth", "0.25"];

/** Trains for as little time as can be. @returns what stderr said */
async function train(...args: string[]): Promise<string> {
  const { code, stderr } = await fixres(["train", ...args]);
  expect(code, stderr).toBe(0);
  return stderr;
}

/** Fails, and says why. */
async function refused(...args: string[]): Promise<string> {
  const { code, stderr } = await fixres(["train", ...args]);
  expect(code, stderr).toBe(2);
  return stderr;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-train-"));
  await makePictures(at("three"), { classes: 3, train: 12, val: 4 });
  await makePictures(at("four"), { classes: 4, train: 6, val: 2 });
  const recipe = "optimizer: lamb\nlearningRate: 0.1\nlearningRatePer: 120\nepochs: 3\nkeep: 2\naverageDecay: 0.9\n";
  await writeFile(at("recipe.yaml"), recipe);
  await train(
    ...[...SMALL, "--recipe", at("recipe.yaml"), "--data", at("three"), "--resolution", "32", "--batch-size", "12"],
    ...["--momentum", "0.8", "--out", at("run")],
  );
}, 120_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

describe("a run by a recipe", () => {
  it("keeps what it was asked, resolved", async () => {
    const { data, model, options } = await json("run", "config.json");
    expect([data, model]).toEqual([at("three"), "efficientnet_b0"]);
    expect(options).toMatchObject({ optimizer: "lamb", epochs: 3, averageDecay: 0.9, momentum: 0.8, batchSize: 12 });
    expect(options.learningRate).toBeCloseTo(0.01, 12);
  });

  it("leaves the best epochs, a table and events", async () => {
    expect(await readdir(at("run", "epochs"))).toHaveLength(2);
    expect((await readFile(at("run", "metrics.csv"), "utf8")).trim().split("\n")).toHaveLength(4);
    expect((await readdir(at("run"))).sort()).toContain("events.out.tfevents.fixres");
    const { provenance } = await json("run", "model", "model.json");
    expect(provenance.at(-1)).toMatchObject({ what: "trained", averageDecay: 0.9 });
  });

  it("is gone on with by its directory, which is complete already", async () => {
    const before = await readFile(at("run", "checkpoint.safetensors"));
    const stderr = await train("--resume", `${at("run")}/`, "--out", at("run"));
    expect(stderr).toContain("is complete already");
    expect(stderr).not.toContain("goes on");
    expect(await readFile(at("run", "checkpoint.safetensors"))).toEqual(before);
  });

  it("is not gone on with where epochs would be judged otherwise", async () => {
    expect(await refused("--resume", at("run"), "--test-resolution", "48")).toContain("test resolution was 32, is 48");
    expect(await refused("--resume", at("run"), "--crop-ratio", "1")).toMatch(/test cropRatio was 0\.875, is 1\b/);
    await makePictures(at("changed"), { classes: 3, train: 12, val: 5 });
    expect(await refused("--resume", at("run"), "--data", at("changed"))).toMatch(/val was "\w+", is "\w+"/);
  });

  it("is the beginning of another by its configuration", async () => {
    await train("--config", at("run", "config.json"), "--epochs", "1", "--keep", "0", "--out", at("other"));
    const [one, other] = [await json("run", "config.json"), await json("other", "config.json")];
    expect(other).toEqual({ ...one, options: { ...one.options, epochs: 1, keep: 0 } });
  });

  it("ends early where no epoch is better", async () => {
    const stderr = await train(
      ...["--config", at("run", "config.json"), "--patience", "1", "--learning-rate", "1e-9", "--average-decay", "0"],
      ...["--stat-decay", "0.999999", "--epochs", "9", "--keep", "0", "--out", at("early")],
    );
    const [, last, best] = /stopped after epoch (\d): none was better in top1 than epoch (\d)/.exec(stderr) ?? [];
    expect(Number(last) - Number(best)).toBe(1);
    expect(await readdir(at("early", "model"))).toContain("model.json");
  });
});

it("a run by AdvProp's recipe keeps both BatchNorms, and its model the main one alone", async () => {
  const few = ["--resolution", "32", "--batch-size", "12", "--epochs", "1", "--adv-epsilon", "1", "--augment", "none"];
  await train(...SMALL, "--recipe", "advprop", "--data", at("three"), ...few, "--out", at("adversarial"));
  const { options } = await json("adversarial", "config.json");
  expect(options).toMatchObject({
    optimizer: "rmsprop",
    advEpsilon: 1,
    advSteps: 1,
    advStepSize: 1,
    averageDecay: 0.9999,
  });
  const { input } = await json("adversarial", "model", "model.json");
  expect([input.mean, input.std]).toEqual([
    [0.5, 0.5, 0.5],
    [0.5, 0.5, 0.5],
  ]);
  const kept = [...(await weightsIn(at("adversarial", "checkpoint.safetensors"))).keys()];
  for (const leaf of ["weight", "bias", "running_mean", "running_var"])
    expect(kept).toEqual(expect.arrayContaining([`bn1.aux_bn.0.${leaf}`, `average/bn1.aux_bn.0.${leaf}`]));
  const [own, plain] = await Promise.all(
    ["adversarial", "run"].map((run) => weightsIn(at(run, "model", "weights.safetensors"))),
  );
  expect([...own!.keys()].sort()).toEqual([...plain!.keys()].sort());
  const [step] = (await readFile(at("adversarial", "metrics.jsonl"), "utf8")).split("\n");
  expect(JSON.parse(step!).adversarialLoss).toBeGreaterThan(0);
  const tested = await fixres(["eval", at("adversarial", "model"), "--data", at("three"), "--json"]);
  expect(JSON.parse(tested.stdout).n).toBe(12);
}, 120_000);

describe("a transferred model", () => {
  const transfer = (...more: string[]): string[] => [
    ...["--from", at("run", "model"), "--data", at("four"), "--epochs", "1", "--batch-size", "12"],
    ...["--resolution", "32", "--learning-rate", "0.1", ...more],
  ];

  it("has a fresh classifier, and what was frozen is as it was", async () => {
    const stderr = await train(...transfer("--freeze", "stem,blocks.0-6,head", "--out", at("frozen")));
    expect(stderr).toContain("gets a fresh classifier for the 4 classes");
    const { classes, provenance } = await json("frozen", "model", "model.json");
    expect(classes).toHaveLength(4);
    expect(provenance.slice(-2)).toMatchObject([{ what: "initialised", part: "classifier" }, { what: "trained" }]);
    const [before, after] = await Promise.all(
      ["run", "frozen"].map((run) => weightsIn(at(run, "model", "weights.safetensors"))),
    );
    const changed = [...after!.keys()].filter((name) => !after!.get(name)!.equals(before!.get(name)!));
    expect(changed.sort()).toEqual(["classifier.bias", "classifier.weight"]);
  });

  it("keeps its classifier where the classes are its own", async () => {
    const args = transfer("--out", at("same")).map((arg) => (arg === at("four") ? at("three") : arg));
    expect(await train(...args)).not.toContain("fresh classifier");
  });

  it("has the width and depth that it was made with", async () => {
    const message = `"${at("run", "model")}" is a model, which has its width and depth; leave out --width and --depth.`;
    const narrow = ["--width", "0.5", "--out", at("never")];
    expect(await refused(...transfer(...narrow))).toContain(message);
    const named = [at("run", "model"), "--data", at("three"), "--resolution", "32", "--batch-size", "12"];
    expect(await refused(...named, ...narrow)).toContain(message);
  });

  it("does not freeze what is not there", async () => {
    expect(await refused(...transfer("--freeze", "blocks.9", "--out", at("never")))).toContain(
      '"blocks.9" names no part',
    );
  });
});

it("learning rates are tried, and one is suggested", async () => {
  const args = [...SMALL, "--data", at("three"), "--resolution", "32", "--batch-size", "6"];
  const { code, stdout } = await fixres(["train", ...args, "--find-lr", "30", "--json"]);
  expect(code).toBe(0);
  const { points, lowest, suggestion } = JSON.parse(stdout);
  expect(points.length).toBeLessThanOrEqual(30);
  expect(points[0].learningRate).toBeCloseTo(1e-6, 12);
  const rates = points.map(({ learningRate }: { learningRate: number }) => learningRate);
  expect(rates).toContain(lowest);
  expect(suggestion).toBe(lowest / 10);
}, 120_000);

it("models are averaged", async () => {
  const [first, second] = await readdir(at("run", "epochs"));
  const paths = [at("run", "epochs", first!), at("run", "epochs", second!)];
  const { code } = await fixres(["average", ...paths, "--out", at("mean")]);
  expect(code).toBe(0);
  const tested = await fixres(["eval", at("mean"), "--data", at("three"), "--json"]);
  expect(JSON.parse(tested.stdout).n).toBe(12);
});

it.each([
  [["--data", "x", "--out", "y"], "there is no network to train; give an architecture"],
  [["efficientnet_b0", "--out", "y"], "there are no pictures to train by; give --data"],
  [["efficientnet_b0", "--data", "x"], "there is no place for the run; give --out"],
  [["--resume", "x", "--config", "y"], "--config and --resume both name a configuration"],
  [["efficientnet_b0", "--from", "x", "--data", "y", "--out", "z"], "are to be trained; give one of them"],
  [["efficientnet_b0", "--adv-epsilon", "-1", "--data", "x", "--out", "y"], "Give a number"],
  [["--augment", "rand-w0"], '"rand-w0" has the unknown section "w0"; known are m, n, p, mstd, mmax and inc'],
  [["--augment", "v9"], 'Unknown augmentation "v9". Known are autoaugment, '],
  [["--color-jitter", "-1"], "the colour jitter of brightness is -1; give a number from 0"],
  [["--erasing", "1.5"], "the erasing probability is 1.5; give one from 0 to 1, such as 0.25."],
  [["--mixup", "-0.2"], "mixup is -0.2; give a number from 0"],
  [["--cutmix", "much"], "Give a number."],
  [["--freeze", ""], "Give names, with a comma between two."],
  [["--mix-probability", "2"], "the mixing probability is 2; give one from 0 to 1."],
  [["efficientnet_b0", "--data", "x", "--out", "y", "--resolution", "32:a"], "Give a resolution, such as 224, or some"],
])("refuses %j", async (args, message) => {
  expect(await refused(...args)).toContain(message);
});

/** The bytes of each tensor of a safetensors file. */
async function weightsIn(path: string): Promise<Map<string, Buffer>> {
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const tensors = Object.entries(header).filter(([name]) => name !== "__metadata__");
  return new Map(
    tensors.map(
      ([
        name,
        {
          data_offsets: [from, to],
        },
      ]) => [name, bytes.subarray(8 + length + from, 8 + length + to)],
    ),
  );
}
