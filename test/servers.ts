import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, connect as dial } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** What Debian's packages bring and a machine may lack; tests that need it are skipped with this word. */
export const missing = (...programs: readonly string[]): string | null => {
  const lacking = programs.filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
  return lacking.length === 0 ? null : `${lacking.join(" and ")} is not installed`;
};

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function answers(port: number, host = "127.0.0.1"): Promise<void> {
  for (let tried = 0; tried < 200; tried++) {
    const socket = dial(port, host);
    const open = await Promise.race([
      once(socket, "connect").then(
        () => true,
        () => false,
      ),
      sleep(500, false),
    ]);
    socket.destroy();
    if (open) return;
    await sleep(50);
  }
  throw new Error(`nothing answers at ${host}:${port}`);
}

export interface Server {
  readonly port: number;
  readonly child: () => ChildProcess;
  stop(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
}

async function serverOf(port: number, program: string, args: readonly string[], host?: string): Promise<Server> {
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(program, args, { stdio: "ignore" });
    child.on("error", () => {});
    await answers(port, host);
  };
  await start();
  return {
    port,
    child: () => child,
    start,
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await once(child, "exit");
    },
  };
}

/** A Redis of the test's own. @param options - of its command line */
export async function startRedis(
  folder: string,
  { options = [], host = "127.0.0.1" }: { options?: readonly string[]; host?: string } = {},
): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const own = ["--port", String(port), "--bind", host, "--dir", folder, "--save", "", "--protected-mode", "no"];
  return serverOf(port, "redis-server", [...own, ...options], host);
}

/** An nginx over a folder. @param more - lines of its `server` block */
export async function startNginx(folder: string, root: string, more = ""): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const temporary = kinds.map((kind) => `${kind}_temp_path ${join(folder, kind)};`).join("\n");
  const conf = join(folder, "nginx.conf");
  await writeFile(
    conf,
    `daemon off; master_process off; pid ${join(folder, "pid")}; error_log ${join(folder, "error.log")};
events {}
http { access_log ${join(folder, "access.log")} combined; ${temporary}
log_format ranges '$uri $status $http_range';
server { listen 127.0.0.1:${port}; root ${root}; access_log ${join(folder, "ranges.log")} ranges; ${more} } }
`,
  );
  return serverOf(port, "nginx", ["-c", conf, "-p", folder]);
}

export interface WorkerProcess {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  /** Resolves once stderr holds a text. */
  said(text: string, withinMs?: number): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** A `fixres worker` as a machine runs it. @param main - its command; @param before - what runs it, such as `ip netns exec` */
export function startWorker(
  args: readonly string[],
  {
    main = MAIN,
    before = [],
    env = {},
  }: { main?: string; before?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
): WorkerProcess {
  const [program, ...rest] = [...before, process.execPath, main, "worker", "--threads", "1", ...args];
  const child = spawn(program!, rest, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return {
    child,
    stderr: () => stderr,
    async said(text, withinMs = 30_000) {
      const until = Date.now() + withinMs;
      while (!stderr.includes(text)) {
        if (Date.now() > until) throw new Error(`the worker has not said "${text}":\n${stderr}`);
        await sleep(20);
      }
    },
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill(signal);
      child.kill("SIGCONT");
      await once(child, "exit");
      return child.exitCode;
    },
  };
}
