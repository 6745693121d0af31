/**
 * `npx tsx bench/student.ts [SEEDS]`: does Noisy Student gain over the plain recipe? Fashion-MNIST with 50 labelled pictures a class and
 * 950 without labels, a quarter of B0's width and depth at 32 pixels. Three runs a seed: plain; a student of it, as long; plain with four times
 * the epochs, which sees as many pictures as the student. All are tested once on 300 others a class. Runs stay in `.cache/student`, and a
 * call that was stopped goes on.
 */
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stderrProgress } from "fixres/cli";
import { fashionFolder } from "../demo/fashion.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUT = join(ROOT, ".cache", "student");
const at = (...names: string[]): string => join(OUT, ...names);
const LABELLED = 50;
const EPOCHS = 25;
const RATIO = 3;

/** What all runs have in common. */
const COMMON = [
  ...["train", "efficientnet_b0", "--width", "0.25", "--depth", "0.25", "--data", at("data"), "--resolution", "32"],
  ...["--batch-size", "20", "--optimizer", "adamw", "--learning-rate", "5e-3", "--weight-decay", "0.05"],
  ...["--min-crop-area", "0.5", "--dropout", "0.1", "--drop-path", "0", "--augment", "rand-m5-n2-mstd0.5"],
  ...["--average-decay", "0.99"],
];

const fixres = (...args: string[]): void => {
  execFileSync(process.execPath, [join(ROOT, "dist", "cli", "main.js"), ...args], { stdio: "inherit" });
};

if (!(await stat(at("data", "val")).catch(() => null))) await divide();
for (let seed = 0; seed < Number(process.argv[2] ?? 3); seed++) {
  const run = (name: string): string => at(`${name}-${seed}`);
  const other = String(seed + 10);
  fixres(...COMMON, "--epochs", String(EPOCHS), "--seed", String(seed), "--out", run("plain"));
  fixres(
    ...[...COMMON, "--recipe", "noisy-student", "--schedule", "cosine", "--warmup-epochs", "1", "--stat-decay", "0.9"],
    ...["--epochs", String(EPOCHS), "--seed", other, "--unlabelled-ratio", String(RATIO)],
    ...["--teacher", join(run("plain"), "model"), "--unlabelled", at("unlabelled"), "--out", run("student")],
  );
  fixres(...COMMON, "--epochs", String(EPOCHS * (1 + RATIO)), "--seed", other, "--out", run("long"));
  const models = [join(run("long"), "model"), join(run("plain"), "model"), join(run("student"), "round-1", "model")];
  const tested = models.map((_, i) => at(`tested-${seed}`, ["long", "plain", "student"][i]!));
  for (const [i, model] of models.entries()) fixres("eval", model, "--data", at("test"), "--out", tested[i]!);
  fixres("compare", ...tested, "--pairs", "all", "--published", "none");
}

/** Labelled, unlabelled, validation and test pictures, none of them twice. */
async function divide(): Promise<void> {
  const all = await fashionFolder(join(ROOT, ".cache"), 1000, stderrProgress());
  for (const name of await readdir(join(all, "train"))) {
    const copy = async (
      from: string,
      folder: readonly string[],
      file: (own: string) => string,
      of: [number, number],
    ) => {
      await mkdir(at(...folder), { recursive: true });
      const files = (await readdir(join(all, from, name))).sort().slice(...of);
      await Promise.all(files.map((own) => copyFile(join(all, from, name, own), at(...folder, file(own)))));
    };
    await copy("train", ["data", "train", name], (own) => own, [0, LABELLED]);
    await copy("train", ["unlabelled"], (own) => `${name}-${own}`, [LABELLED, 1000]);
    await copy("val", ["test", "val", name], (own) => own, [20, 320]);
    await copy("val", ["data", "val", name], (own) => own, [0, 20]);
  }
}
