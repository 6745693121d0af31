import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixres } from "../command.js";
import { ask } from "./open.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-ui-command-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Served {
  readonly url: URL;
  readonly said: () => string;
  /** Ends it as Ctrl-C does. */
  end(): Promise<number | null>;
}

async function serve(...args: string[]): Promise<Served> {
  const child: ChildProcess = spawn(process.execPath, [MAIN, "ui", folder, "--port", "0", "--json", ...args]);
  let said = "";
  child.stderr!.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout!.once("data", (piece: Buffer) => resolve(piece.toString()));
    void ended.then(() => reject(new Error(said)));
  });
  const url = new URL((JSON.parse(line) as { url: string }).url);
  return {
    url,
    said: () => said,
    end: () => {
      child.kill("SIGINT");
      return ended;
    },
  };
}

describe("fixres ui", () => {
  it("prints an address with a token, which is the same at the next start, and ends by Ctrl-C", async () => {
    const first = await serve();
    expect(first.url.hostname).toBe("127.0.0.1");
    expect(first.said()).toBe("");
    expect((await ask(first.url.origin, first.url.pathname + first.url.search)).status).toBe(303);
    expect(await first.end()).toBe(0);
    const second = await serve();
    expect(second.url.searchParams.get("token")).toBe(first.url.searchParams.get("token"));
    await second.end();
  });

  it("tells of changes by server-sent events, to whoever has the token", async () => {
    const ui = await serve();
    const headers = { authorization: `Bearer ${ui.url.searchParams.get("token")}` };
    expect((await fetch(`${ui.url.origin}/api/events`)).status).toBe(401);
    const response = await fetch(`${ui.url.origin}/api/events`, { headers });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const until = async (text: string): Promise<void> => {
      for (let seen = ""; !seen.includes(text); seen += (await reader.read()).value ?? "");
    };
    await until("event: hello");
    const run = join(folder, "appeared");
    await mkdir(run);
    const times = { started: "2026-01-01T00:00:00Z", updated: "2026-01-01T00:00:00Z", ended: "2026-01-01T00:00:00Z" };
    const record = {
      ...{ format: "fixres-run/1", kind: "eval", name: "appeared", ...times, status: "done", pid: 1, host: "x" },
      ...{ version: "0", argv: [], cwd: "/", settings: {}, model: null, progress: null, epochs: [], result: null },
      ...{ error: null, files: {} },
    };
    await writeFile(join(run, "run.json"), JSON.stringify(record));
    await until("event: runs");
    await reader.cancel();
    expect(await ui.end()).toBe(0);
    await rm(run, { recursive: true });
  });

  it("says what a host beyond this machine exposes, wants the token there too, and takes addresses but no names", async () => {
    const ui = await serve("--host", "0.0.0.0");
    expect(ui.said()).toMatch(/reached from other machines.*token.*Nothing is encrypted/s);
    const origin = `http://127.0.0.1:${ui.url.port}`;
    expect((await ask(origin, "/api/runs")).status).toBe(401);
    const headers = { authorization: `Bearer ${ui.url.searchParams.get("token")}` };
    for (const [host, status] of [
      ["192.168.7.7", 200],
      ["[fe80::1]", 200],
      ["evil.example", 403],
    ] as const)
      expect((await ask(origin, "/api/runs", { headers: { ...headers, host: `${host}:${ui.url.port}` } })).status).toBe(
        status,
      );
    await ui.end();
  });

  it("refuses what is wrong in one line", async () => {
    const taken = await serve();
    const token = join(folder, ".fixres-ui", "token");
    const was = await readFile(token, "utf8");
    const refused = async (args: string[], code: number, words: RegExp): Promise<void> => {
      const outcome = await fixres(["ui", ...args]);
      expect(outcome.stderr.trim()).toMatch(words);
      expect(outcome.stderr.trim().split("\n")).toHaveLength(1);
      expect(outcome.code).toBe(code);
    };
    await refused([join(folder, "nowhere")], 2, /does not exist; make it/);
    await refused([folder, "--port", "70000"], 2, /Give a port of 0 to 65535/);
    await refused([folder, "--port", taken.url.port], 1, /is taken; give another --port/);
    await refused([folder, "--port", "0", "--host", "203.0.113.1"], 2, /cannot listen on 203\.0\.113\.1/);
    await chmod(token, 0o644);
    await refused([folder, "--port", "0"], 2, /may be read by others; remove it/);
    await rm(token);
    await symlink(join(folder, "elsewhere"), token);
    await refused([folder, "--port", "0"], 2, /is a link; remove it/);
    await rm(token);
    await writeFile(token, was, { mode: 0o600 });
    await taken.end();
  });
});
