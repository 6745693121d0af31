import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { inferenceProgram, loadModel } from "../src/models/index.js";
import { openSession } from "../src/runtime/index.js";
import { fixres } from "./command.js";

/** Written by TensorFlow; golden/tensorflow/make_checkpoints.py says how. */
const golden = (name: string): string => fileURLToPath(new URL(`golden/tensorflow/${name}`, import.meta.url));

/** The narrowest B0, and pictures whose bytes p the script gave as p / 128 - 1. */
const HALF = String(128 / 255);
const SMALL = [
  ...["--arch", "tf_efficientnet_b0", "--width", "0.05", "--depth", "0.25"],
  ...["--mean", `${HALF},${HALF},${HALF}`, "--std", `${HALF},${HALF},${HALF}`],
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-tensorflow-"));
});
afterAll(() => rm(folder, { recursive: true }));

it.each(["training", "parts"])("%s: a checkpoint of TensorFlow computes what it did there", async (name) => {
  const out = join(folder, name);
  const imported = await fixres(["import", golden(`${name}/model.ckpt`), ...SMALL, "--out", out, "--json"]);
  expect(imported.code, imported.stderr).toBe(0);
  expect(JSON.parse(imported.stdout)).toMatchObject({ scheme: "tensorflow", unused: [], missing: [] });

  const model = await loadModel(out);
  const { logits } = JSON.parse(await readFile(golden("expected.json"), "utf8"));
  // An even side and an odd one: TensorFlow pads them differently.
  for (const resolution of [64, 65]) {
    const session = await openSession(inferenceProgram(model, { resolution, batch: 1 }), { where: "here", threads: 1 });
    const pixels = Uint8Array.from({ length: resolution ** 2 * 3 }, (_, i) => (i * 7919) % 256);
    const found = [...((await session.run({ pixels })).logits as Float32Array)];
    await session.dispose();
    const expected = logits[name][resolution] as number[];
    const largest = Math.max(...expected.map(Math.abs));
    for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value) / largest).toBeLessThan(1e-5);
  }
});

it("refuses what it is not, in one line", async () => {
  const wrong = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await fixres(["import", ...args, "--out", join(folder, "never")]);
    expect(code).toBe(2);
    return stderr.trimEnd().split("\n").at(-1)!;
  };
  const from = golden("training");
  expect(await wrong(from, ...SMALL.with(1, "efficientnet_b0"))).toMatch(/give --arch tf_efficientnet_b0\.$/);
  expect(await wrong(from, "--arch", "tf_efficientnet_b0")).toMatch(
    /"stem\/conv2d\/kernel" is \[3, 3, 3, 8\] where \[3, 3, 3, 32\] is needed, .* more\.$/,
  );
});
