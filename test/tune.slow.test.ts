import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { random } from "../src/random.js";
import { fixres, makePictures } from "./command.js";

let directory: string;
const at = (...names: string[]): string => join(directory, ...names);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-tune-"));
  await makePictures(at("pictures"), { classes: 5, train: 40, val: 10 });
  const init = ["init", "efficientnet_b0", "--width", "0.5", "--depth", "0.5", "--classes", "5", "--out", at("model")];
  expect((await fixres(init)).code).toBe(0);
}, 60_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

const tuning = (name: string): string[] => [
  ...["tune", at("model"), "--data", at("pictures"), "--resolution", "96", "--epochs", "40", "--threads", "1"],
  ...["--select-on", "holdout", "--out", at(name), "--cache-dir", at(`cache-${name}`), "--json"],
];

/** Every file of a folder by its path, but for the record of the run, which tells the time. */
async function files(folder: string): Promise<Map<string, Buffer>> {
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && entry.name !== "run.json",
  );
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return new Map(
    await Promise.all(paths.map(async (path) => [path.slice(folder.length), await readFile(path)] as const)),
  );
}

it("killed twenty times at any moment, goes on and ends in the same bytes", async () => {
  const started = performance.now();
  const first = await fixres(tuning("whole"));
  const milliseconds = performance.now() - started;
  expect(first.code, first.stderr).toBe(0);
  const stream = random(0, "kills");
  let killed = 0;
  for (let i = 0; i < 20; i++) {
    const after = milliseconds * (0.05 + 0.9 * stream.uniform());
    const { code } = await fixres(tuning("killed"), { killAfter: after });
    if (code === null) killed++;
  }
  // Late in the twenty, features are there, and a run may end before its time.
  expect(killed).toBeGreaterThan(5);
  const last = await fixres(tuning("killed"));
  expect(last.code, last.stderr).toBe(0);
  const [whole, found] = [await files(at("whole")), await files(at("killed"))];
  expect([...found.keys()]).toEqual([...whole.keys()]);
  for (const [name, bytes] of whole) expect(found.get(name)!.equals(bytes), name).toBe(true);
  const { epochSeconds: _, seconds: __, cache: ___, model: ____, ...result } = JSON.parse(first.stdout);
  expect(JSON.parse(last.stdout)).toMatchObject(result);
}, 300_000);

it("notices what was damaged in the cache, whatever it is, and ends in the same bytes", async () => {
  expect((await fixres(tuning("sound"))).code).toBe(0);
  const sound = await readFile(at("sound", "weights.safetensors"));
  const stream = random(0, "damage");
  const cache = at("cache-damaged", "features");
  for (let i = 0; i < 6; i++) {
    await rm(at("cache-damaged"), { recursive: true, force: true });
    await cp(at("cache-sound"), at("cache-damaged"), { recursive: true });
    const names = (await readdir(cache, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const { parentPath, name } = names[stream.integer(names.length)]!;
    const path = join(parentPath, name);
    const content = await readFile(path);
    if (i % 3 === 0) await rm(path);
    else if (i % 3 === 1) await writeFile(path, content.subarray(0, stream.integer(content.length)));
    else {
      for (let byte = 0; byte < 20; byte++) content[stream.integer(content.length)]! ^= 1 + stream.integer(255);
      await writeFile(path, content);
    }
    const { code, stderr } = await fixres(tuning("damaged"));
    expect(code, `${name}: ${stderr}`).toBe(0);
    expect((await readFile(at("damaged", "weights.safetensors"))).equals(sound), name).toBe(true);
  }
}, 300_000);
