import { spawn, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as tar from "tar";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";
import { freePort, missing, type Server, startNginx, startRedis, startWorker, type WorkerProcess } from "./servers.js";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const SIZE = ["--resolution", "48"];

let directory: string;
let redis: Server;
const at = (...names: string[]): string => join(directory, ...names);
const queue = (): string => `redis://127.0.0.1:${redis.port}`;
const started: WorkerProcess[] = [];

/** Workers of this file's queue, which end with the test. */
const workers = (count: number, args: readonly string[] = [], more: Parameters<typeof startWorker>[1] = {}) => {
  const own = Array.from({ length: count }, () => startWorker(["--queue", queue(), "--lock", "3", ...args], more));
  started.push(...own);
  return own;
};

/** What must be the same of a result: all but how long it took and where it is. */
function lasting(stdout: string): unknown {
  const untimed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(untimed);
    if (typeof value !== "object" || value === null) return value;
    const kept = Object.entries(value).filter(([key]) => !/seconds|PerSecond|^record$|^files$|^latency$/i.test(key));
    return Object.fromEntries(kept.map(([key, inner]) => [key, untimed(inner)]));
  };
  return untimed(JSON.parse(stdout));
}

const skipped = missing("redis-server");

describe.skipIf(skipped !== null)(`jobs of a queue${skipped === null ? "" : `: ${skipped}`}`, () => {
  const evaluated = (out: string, ...more: string[]) =>
    fixres(["eval", at("model"), "--data", at("data"), ...SIZE, "--json", "--out", at(out), ...more]);
  let alone: Awaited<ReturnType<typeof fixres>>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "fixres-cluster-"));
    redis = await startRedis(at("redis"));
    await makePictures(at("data"), { classes: 7, train: 6, val: 15 });
    const small = ["--width", "0.25", "--depth", "0.25", "--classes", "7", "--seed", "3"];
    const made = await fixres(["init", "efficientnet_b0", ...small, "--out", at("model")]);
    expect(made.code, made.stderr).toBe(0);
    alone = await evaluated("alone");
    expect(alone.code, alone.stderr).toBe(0);
  }, 120_000);
  afterEach(async () => {
    await Promise.all(started.splice(0).map((worker) => worker.stop("SIGKILL")));
  });
  afterAll(async () => {
    await redis?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const same = async (out: string, found: Awaited<ReturnType<typeof fixres>>): Promise<void> => {
    expect(found.code, found.stderr).toBe(0);
    expect(lasting(found.stdout)).toEqual(lasting(alone.stdout));
    for (const file of ["evaluation.json", "pictures.parquet"])
      expect(await readFile(at(out, file))).toEqual(await readFile(at("alone", file)));
  };

  it.each([
    [1, 1],
    [1, 256],
    [2, 7],
    [2, 64],
    [5, 3],
    [5, 1000],
  ])("gives the bytes of one process with %i workers and %i pictures a shard", async (count, shardSize) => {
    const out = `out-${count}-${shardSize}`;
    workers(count);
    await same(out, await evaluated(out, "--queue", queue(), "--shard-size", String(shardSize)));
  });

  it("keeps nothing in Redis but the queue's own counters", async () => {
    const { jobsState } = await import("../src/cluster/index.js");
    const state = await jobsState(queue(), () => {});
    expect({ ...state, workers: [] }).toEqual({ queues: [], runs: [], failed: [], workers: [] });
  });

  it("goes on with what a command left in its log, and with what a killed one left in the queue", async () => {
    const running = evaluated("resumed", "--queue", queue(), "--shard-size", "4");
    await sleep(3500);
    const child = workers(1);
    await running.then((found) => same("resumed", found));
    // Killed while its shards wait; its workers compute them, and the next command finds them.
    const killed = spawn(process.execPath, [
      ...[MAIN, "eval", at("model"), "--data", at("data"), ...SIZE, "--out", at("killed")],
      ...["--queue", queue(), "--shard-size", "5"],
    ]);
    await child[0]!.stop("SIGKILL");
    await sleep(4000);
    killed.kill("SIGKILL");
    workers(1);
    await sleep(4000);
    const found = await evaluated("killed", "--queue", queue(), "--shard-size", "5");
    expect(found.stderr).toContain("the queue has 21 of 21 shards from an earlier run");
    await same("killed", found);
  });

  it("extracts, sweeps and tunes to the same bytes", async () => {
    workers(2);
    const model = [at("model"), "--data", at("data")];
    const spread = ["--queue", queue(), "--shard-size", "16"];
    const commands = async (name: string, more: readonly string[]) => {
      const env = { FIXRES_CACHE: at(`cache-${name}`) };
      const extracted = await fixres(["extract", ...model, ...SIZE, "--out", at(`extract-${name}`), ...more]);
      expect(extracted.code, extracted.stderr).toBe(0);
      const swept = await fixres(["sweep", ...model, "--resolutions", "32,48", "--json", ...more]);
      expect(swept.code, swept.stderr).toBe(0);
      const how = ["--recipe", "test+", "--views", "2", "--epochs", "2", "--json", "--out", at("tuned")];
      await rm(at("tuned"), { recursive: true, force: true });
      const tuned = await fixres(["tune", ...model, ...SIZE, ...how, ...more], { env });
      expect(tuned.code, tuned.stderr).toBe(0);
      const files = [
        ...["softmax.npy", "features.npy", "labels.npy", "names.txt"].map((file) => at(`extract-${name}`, file)),
        ...["model.json", "weights.safetensors", "evaluations/after/pictures.parquet"].map((file) => at("tuned", file)),
      ];
      return {
        swept: lasting(swept.stdout),
        tuned: lasting(tuned.stdout),
        files: await Promise.all(files.map((file) => readFile(file))),
      };
    };
    expect(await commands("queue", spread)).toEqual(await commands("alone", []));
  }, 180_000);

  it("sets a shard aside that fails three times, finishes the rest, and computes it alone once it is mended", async () => {
    await cp(at("data"), at("broken"), { recursive: true });
    const victim = at("broken", "val", "class-0003", "4.png");
    const whole = await readFile(victim);
    await writeFile(victim, whole.subarray(0, 60));
    workers(2);
    const args = ["eval", at("model"), "--data", at("broken"), ...SIZE, "--json", "--out", at("mended")];
    const spread = ["--queue", queue(), "--shard-size", "10"];
    const failed = await fixres([...args, ...spread]);
    expect(failed.code).toBe(1);
    expect(failed.stdout).toBe("");
    const line = failed.stderr.trim().split("\n").at(-1)!;
    expect(line).toContain(
      "1 of 11 shards failed three times and are set aside, all others are done: shard 5 (pictures 50 to 59)",
    );
    expect(line).toContain(`picture "${victim}" is damaged or cut short`);
    const jobs = JSON.parse((await fixres(["jobs", "--queue", queue(), "--json"])).stdout);
    expect(jobs.failed).toMatchObject([{ shard: 5, start: 50, count: 10, attempts: 3 }]);
    expect(jobs.failed[0].why).toContain("4.png");
    // Those of the test before, which were killed, are still listed for some seconds.
    expect(jobs.workers.length).toBeGreaterThanOrEqual(2);
    await writeFile(victim, whole);
    const mended = await fixres([...args, ...spread]);
    expect(mended.stderr).toContain("the queue has 5 of 11 shards from an earlier run");
    expect(mended.code, mended.stderr).toBe(0);
    const plain = await fixres([...args.slice(0, -2), "--json"]);
    expect(lasting(mended.stdout)).toEqual(lasting(plain.stdout));
    expect(JSON.parse((await fixres(["jobs", "--queue", queue(), "--json"])).stdout).failed).toEqual([]);
  }, 120_000);

  it("leaves out what cannot be read where that is asked for, by the same names and reasons", async () => {
    const victim = at("broken", "val", "class-0001", "2.webp");
    await writeFile(victim, "nothing");
    await rm(at("broken", "val", "class-0001", "3.jpg"));
    await symlink(at("nowhere"), at("broken", "val", "class-0001", "3.jpg"));
    workers(1);
    const args = ["eval", at("model"), "--data", at("broken"), ...SIZE, "--json", "--on-bad-image", "record"];
    const found = await fixres([...args, "--queue", queue(), "--shard-size", "8"]);
    expect(found.code, found.stderr).toBe(0);
    expect(JSON.parse(found.stdout).bad.length).toBeGreaterThanOrEqual(1);
    expect(lasting(found.stdout)).toEqual(lasting((await fixres(args)).stdout));
  });

  it("has no job done by a worker of another version, or with another model, and names it", async () => {
    const old = at("old");
    await mkdir(old);
    await cp(join(MAIN, "..", ".."), join(old, "dist"), { recursive: true });
    await symlink(join(MAIN, "..", "..", "..", "node_modules"), join(old, "node_modules"));
    const about = JSON.parse(await readFile(join(MAIN, "..", "..", "..", "package.json"), "utf8"));
    await writeFile(join(old, "package.json"), JSON.stringify({ ...about, version: "0.0.9" }));
    const [stale] = workers(1, [], { main: join(old, "dist", "cli", "main.js") });
    await stale!.said("serves");
    const running = evaluated("refused", "--queue", queue(), "--shard-size", "20");
    await stale!.said("this worker is fixres 0.0.9 on");
    // Another model at the same path of another store.
    await cp(at("data"), join(at("other"), at("data")), { recursive: true });
    const small = ["--width", "0.25", "--depth", "0.25", "--classes", "7", "--seed", "4"];
    await mkdir(join(at("other"), directory), { recursive: true });
    await fixres(["init", "efficientnet_b0", ...small, "--out", join(at("other"), at("model"))]);
    const [wrong] = workers(1, ["--store", at("other")]);
    await wrong!.said("where the job wants");
    expect(wrong!.stderr()).toMatch(
      /the model ".*model" in .* has the hash [0-9a-f]{12}, where the job wants [0-9a-f]{12}/,
    );
    workers(1);
    const found = await running;
    expect(found.stderr).toContain("takes no job: this worker is fixres 0.0.9 on");
    await same("refused", found);
  }, 120_000);

  it("drains on SIGTERM, and gives nothing up", async () => {
    const [first] = workers(1);
    await first!.said("serves");
    const running = evaluated("drained", "--queue", queue(), "--shard-size", "2");
    await sleep(2500);
    expect(await first!.stop("SIGTERM")).toBe(0);
    expect(first!.stderr()).toMatch(/drained after \d+ shards/);
    workers(1);
    await same("drained", await running);
  });

  it("takes its jobs back on Ctrl-C", async () => {
    const child = spawn(process.execPath, [
      ...[MAIN, "eval", at("model"), "--data", at("data"), ...SIZE, "--queue", queue(), "--shard-size", "5"],
    ]);
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    while (!stderr.includes("no worker serves")) await sleep(50);
    expect(JSON.parse((await fixres(["jobs", "--queue", queue(), "--json"])).stdout).queues).toMatchObject([
      { device: "cpu", waiting: 21 },
    ]);
    const code = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGINT");
    expect(await code).toBe(1);
    expect(stderr).toContain("stopped by Ctrl-C");
    expect(JSON.parse((await fixres(["jobs", "--queue", queue(), "--json"])).stdout).queues).toEqual([]);
  });

  it("stops a command whose run is taken back, and has nothing under way then", async () => {
    const running = evaluated("cancelled", "--queue", queue(), "--shard-size", "5");
    const jobs = async () => JSON.parse((await fixres(["jobs", "--queue", queue(), "--json"])).stdout);
    let state = await jobs();
    while (state.runs.length === 0) state = await jobs();
    expect(state.runs).toMatchObject([{ task: "eval", pictures: 105, done: 0, shards: 21, secondsLeft: null }]);
    const cancelled = await fixres(["jobs", "--queue", queue(), "--cancel", state.runs[0].run, "--json"]);
    expect(JSON.parse(cancelled.stdout)).toEqual({ run: state.runs[0].run, removed: 21 });
    const found = await running;
    expect(found.code).toBe(1);
    expect(found.stderr).toContain("stopped by fixres jobs --cancel");
    expect(await jobs()).toMatchObject({ queues: [], runs: [] });
    const unknown = await fixres(["jobs", "--queue", queue(), "--cancel", "nothing"]);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('no run "nothing"')]);
  });

  it("tells of a queue that cannot be reached, and of options without use", async () => {
    const nobody = await evaluated("none", "--queue", "redis://u:geheim@127.0.0.1:1");
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toContain("the queue at redis://u@127.0.0.1:1 cannot be reached");
    expect(nobody.stderr).not.toContain("geheim");
    const lone = await evaluated("none", "--shard-size", "3");
    expect(lone.code).toBe(2);
    expect(lone.stderr).toContain("of use with --queue alone");
  });
});

const noServers = missing("redis-server", "nginx");
describe.skipIf(noServers !== null)(`a store over HTTP${noServers === null ? "" : `: ${noServers}`}`, () => {
  let nginx: Server;
  let own: Server;
  let root: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "fixres-store-"));
    root = at("shared");
    redis = await startRedis(at("redis"));
    await makePictures(at("shared", "data"), { classes: 4, train: 1, val: 9 });
    await tar.create({ file: at("shared", "val.tar"), cwd: at("shared", "data", "val") }, ["."]);
    const small = ["--width", "0.25", "--depth", "0.25", "--classes", "4", "--out", at("shared", "model")];
    await fixres(["init", "efficientnet_b0", ...small]);
    nginx = await startNginx(at("nginx"), root);
  }, 60_000);
  afterEach(async () => {
    await Promise.all(started.splice(0).map((worker) => worker.stop("SIGKILL")));
  });
  afterAll(async () => {
    await nginx?.stop();
    await redis?.stop();
    await own?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it.each(["data", "val.tar"])("gives the same bytes for %s, fetched by ranges, checked and kept", async (data) => {
    const store = ["--store", `http://127.0.0.1:${nginx.port}`, "--cache-dir", at("kept")];
    const [worker] = workers(1, store);
    const args = ["eval", at("shared", "model"), "--data", at("shared", data), ...SIZE, "--json"];
    const spread = ["--queue", queue(), "--shard-size", "8", "--store", root, "--over-http"];
    const found = await fixres([...args, ...spread]);
    expect(found.code, found.stderr + worker!.stderr()).toBe(0);
    expect(lasting(found.stdout)).toEqual(lasting((await fixres(args)).stdout));
    const log = await readFile(at("nginx", "ranges.log"), "utf8");
    expect(log).toMatch(/weights\.safetensors 206 bytes=0-\d+/);
    if (data === "val.tar") expect(log.match(/val\.tar 206 bytes=/g)?.length ?? 0).toBe(0);
    const asked = log.split("\n").length;
    expect((await fixres([...args, ...spread])).code).toBe(0);
    expect((await readFile(at("nginx", "ranges.log"), "utf8")).split("\n").length).toBe(asked);
  });

  it("fetches a tar's pictures as ranges of it where nothing is kept yet", async () => {
    workers(1, ["--store", `http://127.0.0.1:${nginx.port}`, "--cache-dir", at("fresh")]);
    const args = ["eval", at("shared", "model"), "--data", at("shared", "val.tar"), ...SIZE, "--json"];
    const found = await fixres([...args, "--queue", queue(), "--store", root, "--over-http"]);
    expect(found.code, found.stderr).toBe(0);
    expect((await readFile(at("nginx", "ranges.log"), "utf8")).match(/val\.tar 206 bytes=/g)?.length).toBe(36);
  });

  it("says what lies where workers do not see it, and what a worker lacks", async () => {
    const args = ["eval", at("shared", "model"), "--data", at("shared", "data"), ...SIZE, "--queue", queue()];
    const outside = await fixres([...args, "--store", at("redis")]);
    expect(outside.code).toBe(2);
    expect(outside.stderr).toContain("is not in the folder that workers see");
    const [worker] = workers(1, ["--store", `http://127.0.0.1:${nginx.port}`, "--cache-dir", at("none")]);
    const running = fixres([...args, "--store", root], { killAfter: 8000 });
    await worker!.said("give --over-http to the command");
    await running;
  });

  it.skipIf(missing("openssl") !== null)("goes over TLS with rediss://", async () => {
    const [key, cert] = [at("key.pem"), at("cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const made = spawnSync("openssl", [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      key,
      "-out",
      cert,
      ...subject,
    ]);
    expect(made.status).toBe(0);
    const tlsPort = String(await freePort());
    const files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no"];
    const secure = await startRedis(at("tls"), {
      options: ["--tls-port", tlsPort, ...files, "--requirepass", "geheim"],
    });
    const env = { NODE_EXTRA_CA_CERTS: cert, FIXRES_QUEUE: `rediss://default:geheim@localhost:${tlsPort}` };
    const worker = startWorker([], { env });
    started.push(worker);
    try {
      await worker.said(`at rediss://default@localhost:${tlsPort}`);
      const args = ["eval", at("shared", "model"), "--data", at("shared", "data"), ...SIZE, "--json"];
      const found = await fixres([...args, "--queue"], { env });
      expect(found.code, found.stderr).toBe(0);
      expect(lasting(found.stdout)).toEqual(lasting((await fixres(args)).stdout));
    } finally {
      await secure.stop();
    }
  });

  it("takes a password from the address, and shows it nowhere", async () => {
    own = await startRedis(at("secret"), { options: ["--requirepass", "geheim"] });
    const address = `redis://:geheim@127.0.0.1:${own.port}`;
    const worker = startWorker(["--queue", address]);
    started.push(worker);
    await worker.said("serves");
    expect(await readFile(`/proc/${worker.child.pid}/cmdline`, "utf8")).not.toContain("geheim");
    const args = ["eval", at("shared", "model"), "--data", at("shared", "data"), ...SIZE, "--json"];
    const found = await fixres([...args, "--queue", address]);
    expect(found.code, found.stderr).toBe(0);
    const wrong = await fixres([...args, "--queue", `redis://:falsch@127.0.0.1:${own.port}`, "--debug"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("refuses its user or password");
    expect(found.stderr + worker.stderr() + wrong.stderr).not.toMatch(/geheim|falsch/);
  });
});
