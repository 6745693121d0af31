import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";

let directory: string;
const at = (...names: string[]): string => join(directory, ...names);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-resume-"));
  await makePictures(at("pictures"), { classes: 3, train: 40, val: 5 });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const training = (out: string): string[] => [
  ...["train", "efficientnet_b0", "--width", "0.25", "--depth", "0.25", "--data", at("pictures"), "--resolution", "32"],
  ...["--epochs", "4", "--batch-size", "10", "--optimizer", "rmsprop", "--learning-rate", "0.01", "--threads", "1"],
  ...["--out", out],
];

/** Every file of a run by its path. */
async function files(run: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(run, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = names.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return new Map(await Promise.all(paths.map(async (path) => [path.slice(run.length), await readFile(path)] as const)));
}

it("a run killed twice and resumed ends in the same bytes as one that was not", async () => {
  expect((await fixres(training(at("whole")))).code).toBe(0);
  const first = await fixres(training(at("killed")), { kill: "epoch 1/4: train" });
  expect(first.code).toBeNull();
  const second = await fixres(training(at("killed")), { kill: "epoch 3/4: train" });
  expect(second.code).toBeNull();
  expect(second.stderr).toContain("goes on after step 12");
  expect((await fixres(training(at("killed")))).code).toBe(0);
  const [whole, killed] = [await files(at("whole")), await files(at("killed"))];
  expect([...killed.keys()]).toEqual([...whole.keys()]);
  for (const [name, bytes] of whole) expect(killed.get(name)!.equals(bytes), name).toBe(true);
}, 120_000);
