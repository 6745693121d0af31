import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startHub, type TestHub, type TestRepo } from "../src/weights/hub/server.testing.js";
import { type Circumstances, fixres, type Outcome } from "./command.js";

const REPO = "timm/efficientnet_b0.ra4_e3600_r224_in1k";
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const SMALL = ["--width", "0.25", "--depth", "0.25"];

let directory: string;
let hub: TestHub;
let weights: Buffer;
const at = (...names: string[]): string => join(directory, ...names);
const repo = (files: TestRepo["files"]): TestRepo => ({ commit: COMMIT, branches: ["main"], files });

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-hub-"));
  hub = await startHub();
  const made = await fixres(["init", "efficientnet_b0", ...SMALL, "--classes", "10", "--out", at("made")]);
  expect(made.code, made.stderr).toBe(0);
  weights = await readFile(at("made", "weights.safetensors"));
  const config = { architecture: "efficientnet_b0", pretrained_cfg: { crop_pct: 0.95, interpolation: "bilinear" } };
  hub.repos.set(
    REPO,
    repo({
      "config.json": { content: Buffer.from(JSON.stringify(config)), lfs: false },
      "model.safetensors": { content: weights, lfs: true },
    }),
  );
});
afterAll(async () => {
  await hub.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(() => {
  Object.assign(hub, { instead: () => false, fault: null });
  hub.seen.length = 0;
});

/** `fixres import` with a cache and output of its own name. */
function importing(
  name: string,
  args: readonly string[],
  { out = `${name}-out`, ...more }: Circumstances & { readonly out?: string } = {},
): Promise<Outcome> {
  const unset = { HF_HUB_CACHE: undefined, HUGGINGFACE_HUB_CACHE: undefined, HF_HUB_OFFLINE: undefined };
  return fixres(["import", ...args, ...SMALL, "--out", at(out), "--json"], {
    ...more,
    env: { ...unset, HF_TOKEN: undefined, HF_ENDPOINT: hub.endpoint, HF_HOME: at(name), ...more.env },
  });
}

const line = (text: string) => expect.stringMatching(new RegExp(`^fixres: [^\n]*${text}[^\n]*\n$`));

describe("a name of the hub", () => {
  it("is imported with what its config.json says, and the model knows where it is from", async () => {
    const { code, stdout, stderr } = await importing("home", [`hub:${REPO}`]);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ model: at("home-out"), arch: "efficientnet_b0", scheme: "timm" });
    const model = JSON.parse(await readFile(at("home-out", "model.json"), "utf8"));
    // Mean and deviation are those of the published weights of this name, since the configuration has none.
    expect(model.input).toMatchObject({ cropRatio: 0.95, interpolation: "bilinear", mean: [0.5, 0.5, 0.5] });
    expect(model.provenance).toEqual([
      {
        what: "imported",
        from: `hub:${REPO}@${COMMIT}:model.safetensors`,
        ...{ repo: REPO, commit: COMMIT, file: "model.safetensors" },
        ...{ scheme: "timm", unnamed: true },
      },
    ]);
    expect((await readFile(at("home-out", "weights.safetensors"))).equals(weights)).toBe(true);
    expect(await readdir(at("home", "hub"))).toEqual([`models--${REPO.replace("/", "--")}`]);
  });

  it("is not fetched twice, and needs no network by its commit or offline", async () => {
    expect((await importing("home", [`hub:${REPO}`])).code).toBe(0);
    expect(hub.seen.map(({ path }) => path.split("?")[0])).toEqual([`/api/models/${REPO}/revision/main`]);
    hub.seen.length = 0;
    const byCommit = await importing("home", [`hub:${REPO}@${COMMIT}:model.safetensors`]);
    const byOption = await importing("home", [`hub:${REPO}`, "--offline"]);
    const byVariable = await importing("home", [`hub:${REPO}`], { env: { HF_HUB_OFFLINE: "1" } });
    expect([byCommit, byOption, byVariable].map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(hub.seen).toEqual([]);
  });

  it("goes on after a kill in the middle", async () => {
    hub.fault = { after: 400_000, what: "break" };
    const killed = await importing("killed", [`hub:${REPO}`], { kill: "attempt 2 of 5" });
    expect(killed.code).toBeNull();
    hub.fault = null;
    hub.seen.length = 0;
    const { code, stderr } = await importing("killed", [`hub:${REPO}`]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("model.safetensors: goes on at 0.4 of");
    const [range] = hub.seen.filter(({ host }) => host === "files").map((seen) => seen.range);
    // What was on its way when the connection broke may be lost.
    const [, from] = /^bytes=(\d+)-$/.exec(range!)!.map(Number);
    expect(from).toBeGreaterThan(350_000);
    expect(from).toBeLessThanOrEqual(400_000);
    expect((await readFile(at("killed-out", "weights.safetensors"))).equals(weights)).toBe(true);
  });

  it("may be imported by two processes at once", async () => {
    const both = await Promise.all(["one", "two"].map((out) => importing("both", [`hub:${REPO}`], { out })));
    for (const { code, stderr } of both) expect(code, stderr).toBe(0);
    for (const out of ["one", "two"])
      expect((await readFile(at(out, "weights.safetensors"))).equals(weights)).toBe(true);
    const blobs = await readdir(at("both", "hub", `models--${REPO.replace("/", "--")}`, "blobs"));
    expect(blobs.filter((name) => name.includes("incomplete"))).toEqual([]);
  });

  it("waits for a server in trouble, and says so", async () => {
    let times = 0;
    hub.instead = (_, __, response) => {
      if (times++ > 0) return false;
      response.writeHead(503).end();
      return true;
    };
    const { code, stderr } = await importing("home", [`hub:${REPO}`]);
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("answers 503; attempt 2 of 5 in 1 s"),
    });
  });
});

describe("what is wrong with a name is one line, and the exit code is 2", () => {
  it.each<[string, string[], string, Record<string, string>?]>([
    [
      "a repository that is not there",
      ["hub:timm/efficientnet_b0.ra_in1"],
      "Did you mean hub:timm/efficientnet_b0.ra_in1k",
    ],
    ["a revision that is not there", [`hub:${REPO}@v2`], 'has no revision "v2"'],
    [
      "a file that is not there",
      [`hub:${REPO}:model.onnx`],
      'has no file "model.onnx"; there is config.json, model.safetensors',
    ],
    ["offline where nothing is here", [`hub:${REPO}`, "--offline"], "is not in .*, and this is offline"],
    ["no network", [`hub:${REPO}`], "127.0.0.1:9 cannot be reached", { HF_ENDPOINT: "http://127.0.0.1:9" }],
    ["no name", ["hub:efficientnet_b0"], "names no repository; give hub:OWNER/NAME"],
    ["no address", [`hub:${REPO}`], 'HF_ENDPOINT is "x"; give an address', { HF_ENDPOINT: "x" }],
  ])("%s", async (_, args, text, env = {}) => {
    const { code, stdout, stderr } = await importing("wrong", args, { env });
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: line(text) });
  });

  it.each([
    { HF_TOKEN: "hf_sec\u00e9ret" },
    { HF_TOKEN: "hf_secret", HF_ENDPOINT: "http://user:hf_secret@127.0.0.1:9" },
    { HF_TOKEN: "hf_secret", HF_ENDPOINT: "http://127.0.0.1:9" },
  ])("and shows no secret: %j", async (env) => {
    const { code, stdout, stderr } = await importing("wrong", [`hub:${REPO}`, "--debug"], { env });
    expect(code).toBe(2);
    expect(stdout + stderr).not.toMatch(/hf_sec/);
  });
});
