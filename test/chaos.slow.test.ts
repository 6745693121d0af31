import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server as HttpServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { random } from "../src/random.js";
import { fixres, makePictures } from "./command.js";
import { missing, type Server, startNginx, startRedis, startWorker, type WorkerProcess } from "./servers.js";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** Faults at least, and the time after which the test counts as stuck. */
const FAULTS = 32;
const LIMIT_MS = 420_000;

/** Seconds without a word after which a worker's shards are others'. */
const LOCK = 2;

const NAMESPACE = `fixres-${process.pid}`;
const VETH = `fx${process.pid}`.slice(0, 12);
const [HOST, GUEST] = ["10.203.77.1", "10.203.77.2"];

const run = (command: string): boolean => spawnSync("sh", ["-c", command], { stdio: "ignore" }).status === 0;

let directory: string;
const at = (...names: string[]): string => join(directory, ...names);

/** A proxy before nginx that changes a byte of as many answers as it is told. */
async function corruptingProxy(
  target: number,
): Promise<{ server: HttpServer; port: number; corrupt(count: number): void }> {
  let left = 0;
  const server = createServer(async (request, response) => {
    try {
      const headers: Record<string, string> =
        request.headers.range === undefined ? {} : { Range: request.headers.range };
      const answer = await fetch(`http://127.0.0.1:${target}${request.url}`, { headers });
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (left > 0 && bytes.length > 0) {
        left--;
        bytes[Math.floor(bytes.length / 2)]! ^= 1;
      }
      response.writeHead(answer.status, { "Content-Length": bytes.length }).end(bytes);
    } catch {
      response.destroy();
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const corrupt = (count: number): void => {
    left = count;
  };
  return { server, port, corrupt };
}

const skipped = missing("redis-server", "nginx");
describe.skipIf(skipped !== null)(`faults of all kinds${skipped === null ? "" : `: ${skipped}`}`, () => {
  let redis: Server;
  let nginx: Server;
  let proxy: Awaited<ReturnType<typeof corruptingProxy>>;
  let network = false;
  let disk = false;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "fixres-chaos-"));
    network =
      missing("ip") === null &&
      run(`ip netns add ${NAMESPACE} && ip link add ${VETH} type veth peer name ${VETH}n && ip link set ${VETH}n netns ${NAMESPACE} &&
        ip addr add ${HOST}/24 dev ${VETH} && ip link set ${VETH} up && ip netns exec ${NAMESPACE} ip addr add ${GUEST}/24 dev ${VETH}n &&
        ip netns exec ${NAMESPACE} ip link set ${VETH}n up && ip netns exec ${NAMESPACE} ip link set lo up`);
    await mkdir(at("small"));
    disk = run(`mount -t tmpfs -o size=12m tmpfs ${at("small")}`);
    const durable = [
      "--appendonly",
      "yes",
      "--appendfsync",
      "everysec",
      ...(network ? ["--bind", "127.0.0.1", HOST] : []),
    ];
    redis = await startRedis(at("redis"), { options: durable });
    await makePictures(at("data"), { classes: 8, train: 1, val: 100 });
    const half = ["--width", "0.5", "--depth", "0.5", "--classes", "8", "--out", at("model")];
    await fixres(["init", "efficientnet_b0", ...half]);
    nginx = await startNginx(at("nginx"), "/");
    proxy = await corruptingProxy(nginx.port);
  }, 120_000);

  afterAll(async () => {
    proxy?.server.close();
    await nginx?.stop();
    await redis?.stop("SIGKILL");
    if (disk) run(`umount -l ${at("small")}`);
    if (network) run(`ip link del ${VETH}; ip netns del ${NAMESPACE}`);
    await rm(directory, { recursive: true, force: true });
  });

  it(
    "lose no picture, count none twice, and change no byte",
    async () => {
      const draw = random(20261124, "chaos");
      const args = ["eval", at("model"), "--data", at("data"), "--resolution", "96"];
      const alone = await fixres([...args, "--out", at("alone")]);
      expect(alone.code, alone.stderr).toBe(0);

      const places: (() => WorkerProcess)[] = [
        () => startWorker(["--queue", `redis://127.0.0.1:${redis.port}`, "--lock", String(LOCK)]),
        () => startWorker(["--queue", `redis://127.0.0.1:${redis.port}`, "--lock", String(LOCK)]),
        () =>
          startWorker([
            ...["--queue", `redis://127.0.0.1:${redis.port}`, "--lock", String(LOCK)],
            ...["--store", `http://127.0.0.1:${proxy.port}`, "--cache-dir", at("small")],
          ]),
      ];
      if (network)
        places.push(() =>
          startWorker(["--queue", `redis://${HOST}:${redis.port}`, "--lock", String(LOCK)], {
            before: ["ip", "netns", "exec", NAMESPACE],
          }),
        );
      const workers = places.map((start) => start());
      const done: Record<string, number> = {};
      const recovering: Promise<unknown>[] = [];

      const faults: Record<string, () => Promise<void>> = {
        async killed() {
          const i = draw.integer(workers.length);
          await workers[i]!.stop("SIGKILL");
          workers[i] = places[i]!();
        },
        async frozen() {
          const { child } = workers[draw.integer(workers.length)]!;
          child.kill("SIGSTOP");
          recovering.push(sleep(1000 * (LOCK + 2)).then(() => child.kill("SIGCONT")));
        },
        async "Redis restarted"() {
          await redis.stop("SIGKILL");
          await sleep(300);
          await redis.start();
        },
        async "transfer corrupted"() {
          proxy.corrupt(3);
          run(`rm -rf ${at("small")}/store`);
        },
        ...(network && {
          async "network cut"() {
            run(`ip link set ${VETH} down`);
            recovering.push(sleep(3000).then(() => run(`ip link set ${VETH} up`)));
          },
        }),
        ...(disk && {
          async "disk full"() {
            run(`rm -rf ${at("small")}/store; dd if=/dev/zero of=${at("small", "filler")} bs=1M count=64`);
            await workers[2]!.stop("SIGKILL");
            workers[2] = places[2]!();
            recovering.push(sleep(5000).then(() => rm(at("small", "filler"), { force: true })));
          },
        }),
      };
      const kinds = Object.keys(faults);
      let count = 0;
      const until = Date.now() + LIMIT_MS;
      let command: ChildProcess | null = null;
      try {
        for (let round = 0; count < FAULTS; round++) {
          const out = at(`out-${round}`);
          const spread = ["--queue", `redis://127.0.0.1:${redis.port}`, "--store", "/", "--over-http"];
          const shared = [...spread, "--shard-size", String([3, 5, 8, 2][round % 4])];
          let stderr = "";
          const start = (): ChildProcess => {
            const child = spawn(process.execPath, [MAIN, ...args, "--out", out, ...shared], {
              stdio: ["ignore", "ignore", "pipe"],
            });
            child.stderr!.on("data", (chunk: Buffer) => {
              stderr += chunk.toString();
            });
            return child;
          };
          command = start();
          const ended = once(command, "exit");
          let code: number | null | undefined;
          ended.then(([found]) => {
            code = found as number | null;
          });
          while (code === undefined) {
            expect(Date.now(), `${count} faults, then stuck: ${stderr}`).toBeLessThan(until);
            await sleep(600 + draw.integer(900));
            if (code !== undefined || count >= 2 * FAULTS) continue;
            // Each kind at least once a cycle, in an order of its own.
            const kind = count < kinds.length ? kinds[count]! : kinds[draw.integer(kinds.length)]!;
            await faults[kind]!();
            done[kind] = (done[kind] ?? 0) + 1;
            count++;
          }
          expect(code, stderr).toBe(0);
          for (const file of ["evaluation.json", "pictures.parquet"])
            expect(await readFile(join(out, file)), `${file} of round ${round}`).toEqual(
              await readFile(at("alone", file)),
            );
        }
      } finally {
        command?.kill("SIGKILL");
        await Promise.all(recovering);
        await Promise.all(workers.map((worker) => worker.stop("SIGKILL")));
      }
      const told = kinds.map((kind) => `${kind} ${done[kind] ?? 0}`).join(", ");
      process.stdout.write(
        `${count} faults: ${told}${network ? "" : "; no network namespaces here"}${disk ? "" : "; no tmpfs here"}\n`,
      );
      expect(count).toBeGreaterThanOrEqual(30);
      // The worker that fetches had its share.
      expect(await readFile(at("nginx", "ranges.log"), "utf8")).toContain(`${at("data", "val")}/`);
    },
    LIMIT_MS + 60_000,
  );
});
