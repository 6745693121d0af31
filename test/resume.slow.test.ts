import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { filesOf, fixres, makePictures } from "./command.js";

let directory: string;
const at = (...names: string[]): string => join(directory, ...names);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-resume-"));
  await makePictures(at("pictures"), { classes: 3, train: 40, val: 5 });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const training = (out: string, more: readonly string[]): string[] => [
  ...["train", "efficientnet_b0", "--width", "0.25", "--depth", "0.25", "--data", at("pictures"), "--epochs", "4"],
  ...["--batch-size", "10", "--learning-rate", "0.01", "--threads", "1", ...more, "--out", out],
];

/** Gradients that are gathered over the end of an epoch, and all else that a run carries. */
const ALL = [
  ...[
    "--optimizer",
    "lamb",
    "--resolution",
    "32:48",
    "--average-decay",
    "0.9",
    "--accumulate",
    "5",
    "--clip-norm",
    "1",
  ],
  ...["--sampling", "repeated", "--class-weights", "balanced", "--freeze", "stem,blocks.0", "--layer-decay", "0.9"],
  ...[
    "--augment",
    "rand-m9-mstd0.5-inc1",
    "--color-jitter",
    "0.4",
    "--erasing",
    "0.25",
    "--train-interpolation",
    "random",
  ],
  ...["--mixup", "0.2", "--cutmix", "1", "--mix-probability", "0.9", "--mix-switch", "0.4"],
  ...["--metric", "loss", "--keep", "2", "--patience", "4"],
];

/** Auxiliary BatchNorms, their averages and gathered gradients, and the noise of attack, dropout and drop path. */
const ADVERSARIAL = [
  ...["--recipe", "advprop", "--resolution", "32", "--adv-epsilon", "1", "--accumulate", "5", "--mixup", "0.2"],
  ...["--freeze", "stem", "--clip-norm", "1"],
];

/** Loss scaling, whose skipped steps and gathered gradients lie on both sides of a kill, and auxiliary BatchNorms. */
const HALF = [
  ...["--recipe", "advprop", "--precision", "mixed", "--resolution", "32", "--adv-epsilon", "1", "--accumulate", "5"],
  ...["--freeze", "stem,blocks.0-4", "--clip-norm", "1"],
];

it.each([
  ["plainly", ["--optimizer", "rmsprop", "--resolution", "32"]],
  ["with all that a run carries", ALL],
  ["with adversarial pictures", ADVERSARIAL],
  ["in float16", HALF],
])(
  "a run killed twice and resumed ends in the same bytes as one that was not: %s",
  async (name, more) => {
    const [whole, killed] = [at(name, "whole"), at(name, "killed")];
    expect((await fixres(training(whole, more))).code).toBe(0);
    const first = await fixres(training(killed, more), { kill: "epoch 1/4: train" });
    expect(first.code).toBeNull();
    const second = await fixres(["train", "--resume", killed, "--threads", "1"], { kill: "epoch 3/4: train" });
    expect(second.code).toBeNull();
    expect(second.stderr).toContain("goes on after step 12");
    expect((await fixres(training(killed, more))).code).toBe(0);
    const [wanted, found] = [await filesOf(whole), await filesOf(killed)];
    expect([...found.keys()]).toEqual([...wanted.keys()]);
    for (const [file, bytes] of wanted) expect(found.get(file)!.equals(bytes), file).toBe(true);
  },
  480_000,
);
