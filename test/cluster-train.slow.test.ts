import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";
import { missing, type Server, startRedis, startWorker, type WorkerProcess } from "./servers.js";

let directory: string;
let redis: Server;
const at = (...names: string[]): string => join(directory, ...names);
const queue = (): string => `redis://127.0.0.1:${redis.port}`;
const started: WorkerProcess[] = [];
const workers = (count: number): WorkerProcess[] => {
  const own = Array.from({ length: count }, () => startWorker(["--queue", queue(), "--lock", "3"]));
  started.push(...own);
  return own;
};

const skipped = missing("redis-server");

describe.skipIf(skipped !== null)(`training by a queue${skipped === null ? "" : `: ${skipped}`}`, () => {
  const network = ["efficientnet_b0", "--width", "0.25", "--depth", "0.25", "--resolution", "32", "--threads", "1"];
  const how = ["--batch-size", "4", "--epochs", "2", "--seed", "5", "--average-decay", "0.9", "--json"];
  const command = (out: string, more: readonly string[]) => [
    ...["train", ...network, "--data", at("data"), ...how, "--out", at(out)],
    ...more,
  ];
  const rounds = (replicas: number, ...more: string[]) => [
    ...["--queue", queue(), "--local-steps", "2", "--replicas", String(replicas)],
    ...more,
  ];
  const outer = ["--outer-learning-rate", "0.7", "--outer-momentum", "0.9"];
  const files = ["model/weights.safetensors", "best/weights.safetensors", "metrics.jsonl"];
  const bytes = (out: string) => Promise.all(files.map((file) => readFile(at(out, file))));
  const trained = async (out: string, more: readonly string[]) => {
    const found = await fixres(command(out, more));
    expect(found.code, found.stderr).toBe(0);
    return bytes(out);
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "fixres-rounds-"));
    redis = await startRedis(at("redis"));
    await makePictures(at("data"), { classes: 3, train: 15, val: 4 });
  }, 60_000);
  afterEach(async () => {
    await Promise.all(started.splice(0).map((worker) => worker.stop("SIGKILL")));
  });
  afterAll(async () => {
    await redis?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it("is plain training with one replica, outer learning rate 1 and no momentum", async () => {
    workers(1);
    expect(await trained("one", rounds(1))).toEqual(await trained("plain", []));
  }, 120_000);

  it("gives the same bytes by 1 and 2 workers, one of them killed, and by a command that was killed", async () => {
    const [first] = workers(1);
    const expected = await trained("by-1", rounds(3, ...outer));
    await first!.stop("SIGKILL");

    const [victim] = workers(2);
    const running = trained("by-2", rounds(3, ...outer));
    // In the midst of the rounds.
    while (!existsSync(at("by-2", "checkpoint.safetensors"))) await sleep(20);
    expect(victim!.child.exitCode).toBeNull();
    await victim!.stop("SIGKILL");
    expect(existsSync(at("by-2", "model"))).toBe(false);
    expect(await running).toEqual(expected);

    // After its first checkpoint.
    const killing = fixres(command("killed", rounds(3, ...outer)), { kill: "epoch 1/2: train loss" });
    expect((await killing).code).toBeNull();
    expect(await trained("killed", rounds(3, ...outer))).toEqual(expected);
  }, 180_000);

  it("refuses what does not go together", async () => {
    const refused = async (...more: string[]) => {
      const { code, stderr } = await fixres(command("refused", [...rounds(2), ...more]));
      expect(code, stderr).toBe(2);
      return stderr;
    };
    expect(await refused("--accumulate", "4")).toContain(
      "accumulate is 4, which does not divide the 2 local steps; let it divide them.",
    );
    expect(await refused("--resolution", "24:32")).toContain("a run by a queue has one resolution");
    expect(await refused("--replicas", "12")).toContain("too few for an update of each of 12 replicas");
    expect(await refused("--on-bad-image", "skip")).toContain('onBadImage is "skip"');
  });
});
