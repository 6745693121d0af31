import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { noise } from "../../engine.testing.js";
import { DataError, RequestError } from "../../errors.js";
import { fetchFromHub, type HubSettings, type HubWeights, hubName } from "../index.js";
import { hashOf, startHub, type TestHub, type TestRepo } from "./server.testing.js";

const NAME = "timm/tf_efficientnet_b0.ns_jft_in1k";
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const KNOWN = [
  "timm/tf_efficientnet_b0.ns_jft_in1k",
  "timm/tf_efficientnet_b0.ap_in1k",
  "timm/tf_efficientnet_b1.in1k",
];
const CONTENT = new Uint8Array(noise("weights", [600_000]).buffer);
const REPO: TestRepo = {
  commit: COMMIT,
  branches: ["main", "refs/pr/1"],
  files: {
    "README.md": { content: Buffer.from("# weights"), lfs: false },
    "config.json": { content: Buffer.from('{"architecture": "tf_efficientnet_b0"}'), lfs: false },
    "model.safetensors": { content: CONTENT, lfs: true },
    "pytorch_model.bin": { content: Buffer.from("PK"), lfs: true },
    "more/model 2.bin": { content: Buffer.from("another"), lfs: true },
  },
};
const HASH = hashOf(REPO.files["model.safetensors"]!);

let hub: TestHub;
let cache: string;
let notes: string[];
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.close());
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "fixres-hub-"));
  Object.assign(hub, { instead: () => false, fault: null });
  hub.seen.length = 0;
  hub.repos.clear();
  hub.repos.set(NAME, REPO);
  notes = [];
});
afterEach(() => rm(cache, { recursive: true, force: true }));

const settings = (more: Partial<HubSettings> = {}): HubSettings => ({
  endpoint: hub.endpoint,
  cache,
  token: undefined,
  offline: false,
  ...more,
});

const progress = { start: () => ({ advance() {}, end() {} }), note: (text: string) => void notes.push(text) };

const get = (name = `hub:${NAME}`, more: Partial<HubSettings> = {}, signal?: AbortSignal): Promise<HubWeights> =>
  fetchFromHub(hubName(name)!, settings(more), {
    progress,
    signal,
    known: KNOWN,
    times: { silenceMs: 500, waitMs: 5 },
  });

const folder = (...names: string[]): string => join(cache, `models--${NAME.replace("/", "--")}`, ...names);
const requests = (): string[] => hub.seen.map(({ host, method, path }) => `${host} ${method} ${path.split("?")[0]}`);
const ranges = (): (string | undefined)[] => hub.seen.filter(({ host }) => host === "files").map(({ range }) => range);

/** The hub's answer to `paths-info`, with a change to each entry. */
function announce(change: (entry: { path: string; size: number; oid: string; lfs?: object }) => object): void {
  hub.instead = ({ path }, _, response) => {
    if (!path.includes("paths-info")) return false;
    const entries = ["config.json", "model.safetensors"].map((path) => {
      const file = REPO.files[path]!;
      const lfs = file.lfs ? { lfs: { oid: hashOf(file), size: file.content.length, pointerSize: 1 } } : {};
      return change({ path, size: file.content.length, oid: hashOf(file).slice(0, 40), ...lfs });
    });
    response.setHeader("Content-Type", "application/json").end(JSON.stringify(entries));
    return true;
  };
}

describe("hubName", () => {
  it.each([
    ["hub:timm/x.y_1", { repo: "timm/x.y_1", revision: "main", file: null }],
    ["hub:timm/x@v1.0", { repo: "timm/x", revision: "v1.0", file: null }],
    ["hub:timm/x@refs/pr/1:a/b c.bin", { repo: "timm/x", revision: "refs/pr/1", file: "a/b c.bin" }],
    ["hub:timm/x:a@b.bin", { repo: "timm/x", revision: "main", file: "a@b.bin" }],
    ["model.safetensors", null],
  ])("%s", (text, parts) => expect(hubName(text)).toEqual(parts));

  it.each([
    ...["hub:", "hub:x", "hub:a/b/c", "hub:../x", "hub:a/..", "hub:a/b--c", "hub:.a/b", "hub:a/b\n"],
    ...["hub:a/b@", "hub:a/b@../x", "hub:a/b@a..b", "hub:a/b@/x", "hub:a/b@.x", "hub:a/b@a b", "hub:a/b@a\\b"],
    ...[
      "hub:a/b:",
      "hub:a/b:../x",
      "hub:a/b:x/../../y",
      "hub:a/b:/etc/x",
      "hub:a/b:C:x",
      "hub:a/b:a\\..\\b",
      "hub:a/b:a\0",
    ],
  ])("refuses %j", (text) => {
    expect(() => hubName(text)).toThrow(RequestError);
    expect(() => hubName(text)).toThrow(/names no (repository|revision|file)/);
  });
});

describe("fetchFromHub", () => {
  it("puts weights and configuration where every client of the hub looks for them", async () => {
    const { path, config, origin } = await get();
    expect(origin).toEqual({ repo: NAME, commit: COMMIT, file: "model.safetensors" });
    expect(path).toBe(folder("snapshots", COMMIT, "model.safetensors"));
    expect(config).toBe(folder("snapshots", COMMIT, "config.json"));
    expect(await readlink(path)).toBe(`../../blobs/${HASH}`);
    expect((await readFile(path)).equals(CONTENT)).toBe(true);
    expect(await readFile(folder("refs", "main"), "utf8")).toBe(COMMIT);
    expect((await readdir(folder("blobs"))).sort()).toEqual([HASH, hashOf(REPO.files["config.json"]!)].sort());
    expect(requests()).toEqual([
      `hub GET /api/models/${NAME}/revision/main`,
      `hub POST /api/models/${NAME}/paths-info/${COMMIT}`,
      `hub GET /${NAME}/resolve/${COMMIT}/config.json`,
      `hub GET /api/resolve-cache/${NAME}/resolve/${COMMIT}/config.json`,
      `hub GET /${NAME}/resolve/${COMMIT}/model.safetensors`,
      `files GET /${HASH}`,
    ]);
  });

  it("asks for the commit of a branch alone where its files are here, and for nothing of a commit or offline", async () => {
    const first = await get();
    hub.seen.length = 0;
    expect(await get()).toEqual(first);
    expect(requests()).toEqual([`hub GET /api/models/${NAME}/revision/main`]);
    hub.seen.length = 0;
    expect(await get(`hub:${NAME}@${COMMIT}`)).toEqual(first);
    expect(await get(`hub:${NAME}`, { offline: true })).toEqual(first);
    expect(requests()).toEqual([]);
  });

  it("takes other revisions and files by name, and PyTorch's where there is no safetensors", async () => {
    const other = await get(`hub:${NAME}@refs/pr/1:more/model 2.bin`);
    expect(await readFile(other.path, "utf8")).toBe("another");
    expect(other.config).toBe(folder("snapshots", COMMIT, "config.json"));
    expect(await get(`hub:${NAME}@refs/pr/1:more/model 2.bin`, { offline: true })).toEqual(other);
    hub.repos.set("a/b", { ...REPO, files: { "pytorch_model.bin": { content: Buffer.from("PK"), lfs: true } } });
    const torch = await get("hub:a/b");
    expect(torch).toMatchObject({ config: null, origin: { file: "pytorch_model.bin" } });
    expect(await get("hub:a/b", { offline: true })).toEqual(torch);
  });

  it("follows a branch to its next commit, and fetches only what has changed", async () => {
    await get();
    const commit = COMMIT.replace("0", "f");
    hub.repos.set(NAME, { ...REPO, commit });
    hub.seen.length = 0;
    expect((await get()).origin.commit).toBe(commit);
    expect(requests()).toHaveLength(2);
    expect((await get(`hub:${NAME}`, { offline: true })).origin.commit).toBe(commit);
  });

  it("gives the token to the hub, not to the host of the files", async () => {
    await get(`hub:${NAME}`, { token: "hf_secret" });
    const given = hub.seen.map(({ host, authorization }) => [host, authorization]);
    expect(new Set(given.map(String))).toEqual(new Set(["hub,Bearer hf_secret", "files,"]));
  });

  it("gives one right file where two fetch at once", async () => {
    const both = await Promise.all([get(), get()]);
    for (const { path } of both) expect((await readFile(path)).equals(CONTENT)).toBe(true);
    expect((await readdir(folder("blobs"))).length).toBe(2);
  });
});

describe("a download that is cut off", () => {
  it("goes on where it stopped, and says so", async () => {
    hub.fault = { after: 1_000_000, what: "break" };
    await get();
    expect(ranges()).toEqual([undefined, "bytes=1000000-", "bytes=2000000-"]);
    expect(notes[0]).toMatch(/^the connection to http:\S+ broke \(.*\); attempt 2 of 5 in 0 s$/);
    expect((await readFile(folder("blobs", HASH))).equals(CONTENT)).toBe(true);
  });

  it("goes on in a later run, too", async () => {
    hub.fault = { after: 1_000_000, what: "silence" };
    const stop = new AbortController();
    const running = get(`hub:${NAME}`, {}, stop.signal);
    await expect.poll(async () => (await sizes())[0]).toBe(1_000_000);
    stop.abort(new Error("stopped by Ctrl-C"));
    await expect(running).rejects.toThrow("stopped by Ctrl-C");
    expect(await readdir(folder("blobs"))).toContain(`${HASH}.fixres.incomplete`);
    expect(await readdir(folder())).not.toContain("refs");
    Object.assign(hub, { fault: null });
    hub.seen.length = 0;
    await get();
    expect(ranges()).toEqual(["bytes=1000000-"]);
    expect(notes).toContain("model.safetensors: goes on at 1.0 of 2.4 MB");
    expect((await readFile(folder("blobs", HASH))).equals(CONTENT)).toBe(true);
    expect((await readdir(folder("blobs"))).length).toBe(2);
  });

  it("leaves the part of a download that may be under way alone, and takes over an old one", async () => {
    const part = `${HASH}.00000000.fixres.incomplete`;
    await mkdir(folder("blobs"), { recursive: true });
    await writeFile(folder("blobs", part), CONTENT.subarray(0, 500_000));
    hub.fault = { after: 100_000, what: "silence" };
    const stop = new AbortController();
    const running = get(`hub:${NAME}`, {}, stop.signal);
    await expect.poll(sizes).toEqual([600_000, 500_000]);
    stop.abort(new Error("stop"));
    await expect(running).rejects.toThrow("stop");
    await rm(folder("blobs", `${HASH}.fixres.incomplete`));
    await utimes(folder("blobs", part), 0, 0);
    hub.fault = null;
    await get();
    expect(ranges()).toEqual(["bytes=500000-", "bytes=500000-"]);
    expect((await readFile(folder("blobs", HASH))).equals(CONTENT)).toBe(true);
    expect((await readdir(folder("blobs"))).length).toBe(2);
  });

  it("starts anew where the server does not give parts", async () => {
    await mkdir(folder("blobs"), { recursive: true });
    await writeFile(folder("blobs", `${HASH}.fixres.incomplete`), CONTENT.subarray(0, 500_000));
    hub.instead = ({ host }, request) => {
      if (host === "files") delete request.headers.range;
      return false;
    };
    await get();
    expect((await readFile(folder("blobs", HASH))).equals(CONTENT)).toBe(true);
  });

  it("asks nothing where only the last step was missing", async () => {
    await mkdir(folder("blobs"), { recursive: true });
    await writeFile(folder("blobs", `${HASH}.fixres.incomplete`), CONTENT);
    await get();
    expect(ranges()).toEqual([]);
    expect((await readFile(folder("snapshots", COMMIT, "model.safetensors"))).equals(CONTENT)).toBe(true);
  });

  it("ends after some attempts, and keeps what it has", async () => {
    hub.fault = { after: 0, what: "silence" };
    await mkdir(folder("blobs"), { recursive: true });
    await writeFile(folder("blobs", `${HASH}.fixres.incomplete`), CONTENT.subarray(0, 500_000));
    const running = fetchFromHub(hubName(`hub:${NAME}`)!, settings(), { times: { silenceMs: 40, waitMs: 1 } });
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(
      /nothing came from .*, 5 times; run the same command again later, and it goes on/,
    );
    expect((await sizes())[0]).toBe(500_000);
  });

  const sizes = async (): Promise<number[]> => {
    const names = await readdir(folder("blobs")).catch(() => []);
    const found = await Promise.all(
      names.filter((name) => name.startsWith(HASH)).map((name) => stat(folder("blobs", name))),
    );
    return found.map(({ size }) => size).sort((a, b) => b - a);
  };
});

describe("a server in trouble", () => {
  it.each([503, 429])("is asked again after %i, as late as it wants", async (status) => {
    let times = 0;
    hub.instead = ({ path }, _, response) => {
      if (!path.includes("/revision/") || times++ > 0) return false;
      response.writeHead(status, { "Retry-After": "1" }).end();
      return true;
    };
    const started = performance.now();
    await get();
    expect(performance.now() - started).toBeGreaterThan(900);
    expect(notes[0]).toBe(`${hub.endpoint} answers ${status}; attempt 2 of 5 in 1 s`);
  });

  it("is given up after five attempts", async () => {
    hub.instead = (_, __, response) => {
      response.writeHead(500).end();
      return true;
    };
    const running = get();
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(
      `${hub.endpoint} answers 500, 5 times; run the same command again later, and it goes on from here.`,
    );
    expect(hub.seen).toHaveLength(5);
  });

  it("or that cannot be reached is named, with the ways around it", async () => {
    const running = get(`hub:${NAME}`, { endpoint: "http://127.0.0.1:9" });
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:9 cannot be reached \(.*\)\. Check the network, or set HF_ENDPOINT to a mirror; --offline/,
    );
  });
});

describe("what is not there", () => {
  it.each([
    ["timm/tf_efficientnet_b0.ns_jtf_in1k", "Did you mean hub:timm/tf_efficientnet_b0.ns_jft_in1k? If it"],
    ["google/tf_efficientnet_b1.in1k", "Did you mean hub:timm/tf_efficientnet_b1.in1k? If it"],
    [
      "timm/tf_efficientnet_b0",
      "Did you mean hub:timm/tf_efficientnet_b0.ns_jft_in1k or hub:timm/tf_efficientnet_b0.ap_in1k? If it",
    ],
    ["someone/resnet50", 'has no repository "someone/resnet50". If it is private, set HF_TOKEN to a token of yours.'],
  ])("the repository %s", async (repo, text) => {
    await expect(get(`hub:${repo}`)).rejects.toThrow(RequestError);
    await expect(get(`hub:${repo}`)).rejects.toThrow(text);
    await expect(get(`hub:${repo}`, { token: "hf_x" })).rejects.toThrow("HF_TOKEN's account must have access.");
    expect(await readdir(cache)).toEqual([]);
  });

  it("the revision", async () => {
    const running = get(`hub:${NAME}@v2`);
    await expect(running).rejects.toThrow(RequestError);
    await expect(running).rejects.toThrow(`"${NAME}" has no revision "v2"; give a branch`);
  });

  it("the file", async () => {
    await expect(get(`hub:${NAME}:model.onnx`)).rejects.toThrow(
      new DataError(
        `"${NAME}" at ${hub.endpoint} has no file "model.onnx"; there is README.md, config.json, model.safetensors, pytorch_model.bin, more/model 2.bin.`,
      ),
    );
    hub.repos.set("a/b", { ...REPO, files: { "a\u001b[2J\n.md": { content: Buffer.from(""), lfs: false } } });
    await expect(get("hub:a/b")).rejects.toThrow(
      "has neither model.safetensors nor pytorch_model.bin; there is a [2J .md; name one by hub:a/b:FILE.",
    );
  });

  it("a licence to read it", async () => {
    hub.instead = ({ path }, _, response) => {
      if (!path.includes("/resolve/")) return false;
      response.writeHead(401, { "X-Error-Code": "GatedRepo" }).end();
      return true;
    };
    await expect(get()).rejects.toThrow(`is gated; accept its terms at ${hub.endpoint}/${NAME}, and set HF_TOKEN`);
  });

  it("offline: says how to fetch it", async () => {
    const running = get(`hub:${NAME}`, { offline: true });
    await expect(running).rejects.toThrow(RequestError);
    await expect(running).rejects.toThrow(
      `model.safetensors or pytorch_model.bin of "${NAME}" at main is not in ${cache}, and this is offline; run the same command once without --offline and HF_HUB_OFFLINE.`,
    );
    expect(hub.seen).toEqual([]);
  });
});

describe("a server that lies", () => {
  const outside = async (): Promise<string[]> => {
    const names = await readdir(cache, { recursive: true, withFileTypes: true });
    return names.filter((entry) => !entry.isDirectory() && /weights|model/.test(entry.name)).map(({ name }) => name);
  };

  it("with other bytes than announced: nothing of them stays", async () => {
    announce((entry) => ({ ...entry, ...(entry.lfs ? { lfs: { ...entry.lfs, oid: "a".repeat(64) } } : {}) }));
    const running = get(`hub:${NAME}:model.safetensors`);
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(
      /^model\.safetensors came damaged from .*: its SHA-256 is [0-9a-f]{64} where a{64} is announced/,
    );
    expect(await readdir(folder("blobs"))).not.toContain("a".repeat(64));
    expect((await readdir(folder("blobs"))).filter((name) => name.endsWith(".incomplete"))).toEqual([]);
    expect(await outside()).toEqual([]);
  });

  it.each([
    ["more", -1, "but sends more; nothing of it was kept."],
    ["fewer", 1, "but has only 2400000; run the same command again later."],
  ])("with %s bytes than announced", async (_, change, text) => {
    announce((entry) => ({
      ...entry,
      ...(entry.lfs ? { lfs: { oid: HASH, size: CONTENT.length + change } } : {}),
    }));
    const running = get();
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(text);
    expect((await readdir(folder("blobs"))).filter((name) => name.startsWith(HASH))).toEqual([]);
  });

  it("with a file without end", async () => {
    hub.instead = ({ host }, _, response) => {
      if (host === "hub") return false;
      response.writeHead(200);
      const more = (): void => void response.write(Buffer.alloc(100_000), () => setImmediate(more));
      more();
      return true;
    };
    await expect(get()).rejects.toThrow("but sends more; nothing of it was kept.");
    expect((await readdir(folder("blobs"))).filter((name) => name.startsWith(HASH))).toEqual([]);
  });

  it("with an answer without end", async () => {
    hub.instead = (_, __, response) => {
      const more = (): void => void response.write(Buffer.alloc(100_000), () => setImmediate(more));
      more();
      return true;
    };
    await expect(get()).rejects.toThrow("answers without end");
  });

  it.each([
    ["a commit that leads out", { sha: "../../../evil", siblings: [{ rfilename: "model.safetensors" }] }],
    ["files that are none", { sha: COMMIT, siblings: [{ rfilename: 1 }] }],
    ["no object", []],
  ])("with %s", async (_, answer) => {
    hub.instead = ({ path }, __, response) => {
      if (!path.includes("/revision/")) return false;
      response.setHeader("Content-Type", "application/json").end(JSON.stringify(answer));
      return true;
    };
    const running = get();
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(/does not answer as the hub does \(.*\); check HF_ENDPOINT/);
    expect(await readdir(cache)).toEqual([]);
  });

  it("or is no hub at all", async () => {
    hub.instead = (_, __, response) => {
      response.end("<html>log in first</html>");
      return true;
    };
    await expect(get()).rejects.toThrow("does not answer as the hub does");
  });

  it.each([
    ["a hash that leads out", (entry: { lfs?: object }) => ({ ...entry, lfs: { oid: "../../../evil", size: 1 } })],
    ["another file's name", (entry: object) => ({ ...entry, path: "../../evil" })],
    ["a size below zero", (entry: object) => ({ ...entry, size: -1 })],
  ])("with %s", async (_, change) => {
    announce(change);
    await expect(get()).rejects.toThrow(DataError);
    expect(await readdir(cache)).toEqual([]);
  });
});

describe("a cache that does not take it", () => {
  // Nothing is closed to root.
  it.skipIf(process.getuid?.() === 0)("because it is closed to us", async () => {
    await chmod(cache, 0o500);
    await expect(get()).rejects.toThrow(`the cache "${cache}" cannot be written to (EACCES); set HF_HUB_CACHE`);
  });

  it("because a file is in its place", async () => {
    await writeFile(join(cache, "file"), "");
    const running = get(`hub:${NAME}`, { cache: join(cache, "file") });
    await expect(running).rejects.toThrow(RequestError);
    await expect(running).rejects.toThrow(/file" cannot be written to \(E\w+\); set HF_HUB_CACHE to another place\.$/);
  });

  it.skipIf(process.platform === "win32")("because the disk is full, and goes on once there is room", async () => {
    // A limit on the size of files fails in the middle of a write, as a full disk does.
    const script = `
      import { fetchFromHub, hubName } from "./src/weights/index.ts";
      const settings = ${JSON.stringify(settings())};
      await fetchFromHub(hubName("hub:${NAME}"), settings).catch((e) => console.log(e.name + ": " + e.message));
    `;
    const limited = [
      "-c",
      'ulimit -f 1000; exec "$0" --import tsx --input-type=module -e "$1"',
      process.execPath,
      script,
    ];
    const { stdout } = await promisify(execFile)("bash", limited);
    expect(stdout).toMatch(
      /^RequestError: the disk of the cache ".*" is full \(EFBIG\); free some space and run the same/,
    );
    hub.seen.length = 0;
    await get();
    expect(ranges()).toEqual(["bytes=1024000-"]);
    expect((await readFile(folder("blobs", HASH))).equals(CONTENT)).toBe(true);
  });
});
