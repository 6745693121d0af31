import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { inferenceProgram, loadModel } from "../src/models/index.js";
import { openSession } from "../src/runtime/index.js";
import { fixres } from "./command.js";

/** Written by each library; golden/torch/make_networks.py says how. */
const golden = (name: string): string => fileURLToPath(new URL(`golden/torch/${name}`, import.meta.url));

/** The narrowest B0, and pictures that are not normalised. */
const SMALL = ["--width", "0.05", "--depth", "0.25", "--mean", "0,0,0", "--std", "1,1,1"];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-torch-"));
});
afterAll(() => rm(folder, { recursive: true }));

it.each([
  ["timm", "tf_efficientnet_b0", "network.timm.safetensors"],
  ["torchvision", "efficientnet_b0", "network.torchvision.pth"],
  ["lukemelas", "tf_efficientnet_b0", "network.lukemelas.pth"],
])("a network of %s computes what it did there", async (scheme, arch, file) => {
  const out = join(folder, scheme);
  const imported = await fixres(["import", golden(file), "--arch", arch, ...SMALL, "--out", out, "--json"]);
  expect(imported.code, imported.stderr).toBe(0);
  expect(JSON.parse(imported.stdout)).toMatchObject({ scheme, unused: [], missing: [] });

  const model = await loadModel(out);
  const logits = JSON.parse(await readFile(golden("logits.json"), "utf8"));
  // An even side and an odd one: networks that were TensorFlow's pad them differently.
  for (const resolution of [64, 65]) {
    const session = await openSession(inferenceProgram(model, { resolution, batch: 1 }), { where: "here", threads: 1 });
    const pixels = Uint8Array.from({ length: resolution ** 2 * 3 }, (_, i) => (i * 7919) % 256);
    const found = [...((await session.run({ pixels })).logits as Float32Array)];
    await session.dispose();
    const expected = logits[scheme][resolution] as number[];
    const largest = Math.max(...expected.map(Math.abs));
    for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value) / largest).toBeLessThan(1e-5);
  }
});
