import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { fixres, makePictures } from "./command.js";
import { missing, startRedis, startWorker } from "./servers.js";

const skipped = missing("redis-server");

it.skipIf(skipped !== null)(
  `evaluates by a queue to the same bytes${skipped === null ? "" : `: ${skipped}`}`,
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "fixres-queue-"));
    const at = (...names: string[]): string => join(directory, ...names);
    const redis = await startRedis(at("redis"));
    const queue = `redis://127.0.0.1:${redis.port}`;
    const worker = startWorker(["--queue", queue]);
    try {
      await makePictures(at("data"), { classes: 3, train: 1, val: 9 });
      const small = ["--width", "0.25", "--depth", "0.25", "--classes", "3", "--out", at("model")];
      await fixres(["init", "efficientnet_b0", ...small]);
      const args = ["eval", at("model"), "--data", at("data"), "--resolution", "32"];
      const alone = await fixres([...args, "--out", at("alone")]);
      expect(alone.code, alone.stderr).toBe(0);
      const spread = await fixres([...args, "--out", at("spread"), "--queue", queue, "--shard-size", "4"]);
      expect(spread.code, spread.stderr).toBe(0);
      for (const file of ["evaluation.json", "pictures.parquet"])
        expect(await readFile(at("spread", file))).toEqual(await readFile(at("alone", file)));
      expect(await worker.stop("SIGTERM")).toBe(0);
    } finally {
      await worker.stop("SIGKILL");
      await redis.stop();
      await rm(directory, { recursive: true, force: true });
    }
  },
);

it("loads nothing of Redis before a queue is opened", () => {
  const main = fileURLToPath(new URL("../dist/cluster/index.js", import.meta.url));
  const cached = `import(${JSON.stringify(main)}).then(() => console.log(Object.keys(require("module")._cache).join()))`;
  const { stdout, status } = spawnSync(process.execPath, ["-e", cached], { encoding: "utf8" });
  expect(status).toBe(0);
  expect(stdout).not.toMatch(/bullmq|ioredis/);
});
