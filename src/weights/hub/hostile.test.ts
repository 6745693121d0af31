import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { DataError, RequestError } from "../../errors.js";
import { COMMIT, CONTENT, HASH, HubFixture, NAME, REPO } from "./fixture.testing.js";
import { hashOf } from "./server.testing.js";

const at = new HubFixture();

/** The hub's answer to `paths-info`, with a change to each entry. */
function announce(change: (entry: { path: string; size: number; oid: string; lfs?: object }) => object): void {
  at.hub.instead = ({ path }, _, response) => {
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

describe("a server that lies", () => {
  it("with other bytes than announced: nothing of them stays", async () => {
    announce((entry) => ({ ...entry, ...(entry.lfs ? { lfs: { ...entry.lfs, oid: "a".repeat(64) } } : {}) }));
    const running = at.get(`hub:${NAME}:model.safetensors`);
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(
      /^model\.safetensors came damaged from .*: its SHA-256 is [0-9a-f]{64} where a{64} is announced/,
    );
    expect(await readdir(at.folder("blobs"))).toEqual([hashOf(REPO.files["config.json"]!)]);
    expect(await readdir(at.folder("snapshots", COMMIT))).toEqual(["config.json"]);
  });

  it.each([
    ["more", -1, "but sends more; nothing of it was kept."],
    ["fewer", 1, "but has only 2400000; run the same command again later."],
  ])("with %s bytes than announced", async (_, change, text) => {
    announce((entry) => ({
      ...entry,
      ...(entry.lfs ? { lfs: { oid: HASH, size: CONTENT.length + change } } : {}),
    }));
    const running = at.get();
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(text);
    expect((await readdir(at.folder("blobs"))).filter((name) => name.startsWith(HASH))).toEqual([]);
  });

  it("with another part than it was asked for", async () => {
    await mkdir(at.folder("blobs"), { recursive: true });
    await writeFile(at.folder("blobs", `${HASH}.fixres.incomplete`), CONTENT.subarray(0, 500_000));
    at.hub.instead = ({ host }, request) => {
      if (host === "files") request.headers.range = "bytes=400000-";
      return false;
    };
    await expect(at.get()).rejects.toThrow("sends another part of model.safetensors than it was asked for");
    expect((await readdir(at.folder("blobs"))).filter((name) => name.startsWith(HASH))).toEqual([]);
  });

  it("with a file without end", async () => {
    at.hub.instead = ({ host }, _, response) => {
      if (host === "hub") return false;
      response.writeHead(200);
      const more = (): void => void response.write(Buffer.alloc(100_000), () => setImmediate(more));
      more();
      return true;
    };
    await expect(at.get()).rejects.toThrow("but sends more; nothing of it was kept.");
    expect((await readdir(at.folder("blobs"))).filter((name) => name.startsWith(HASH))).toEqual([]);
  });

  it("with an answer without end", async () => {
    at.hub.instead = (_, __, response) => {
      const more = (): void => void response.write(Buffer.alloc(100_000), () => setImmediate(more));
      more();
      return true;
    };
    await expect(at.get()).rejects.toThrow("answers without end");
  });

  it.each([
    ["a commit that leads out", { sha: "../../../evil", siblings: [{ rfilename: "model.safetensors" }] }],
    ["files that are none", { sha: COMMIT, siblings: [{ rfilename: 1 }] }],
    ["no object", []],
  ])("with %s", async (_, answer) => {
    at.hub.instead = ({ path }, __, response) => {
      if (!path.includes("/revision/")) return false;
      response.setHeader("Content-Type", "application/json").end(JSON.stringify(answer));
      return true;
    };
    const running = at.get();
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(/does not answer as the hub does \(.*\); check HF_ENDPOINT/);
    expect(await readdir(at.cache)).toEqual([]);
  });

  it("or is no hub at all", async () => {
    at.hub.instead = (_, __, response) => {
      response.end("<html>log in first</html>");
      return true;
    };
    await expect(at.get()).rejects.toThrow("does not answer as the hub does");
  });

  it.each([
    ["a hash that leads out", (entry: { lfs?: object }) => ({ ...entry, lfs: { oid: "../../../evil", size: 1 } })],
    ["another file's name", (entry: object) => ({ ...entry, path: "../../evil" })],
    ["a size below zero", (entry: object) => ({ ...entry, size: -1 })],
  ])("with %s", async (_, change) => {
    announce(change);
    await expect(at.get()).rejects.toThrow(DataError);
    expect(await readdir(at.cache)).toEqual([]);
  });
});

describe("a cache that does not take it", () => {
  // Nothing is closed to root.
  it.skipIf(process.getuid?.() === 0)("because it is closed to us", async () => {
    await chmod(at.cache, 0o500);
    await expect(at.get()).rejects.toThrow(`the cache "${at.cache}" cannot be written to (EACCES); set HF_HUB_CACHE`);
  });

  it("because a file is in its place", async () => {
    await writeFile(join(at.cache, "file"), "");
    const running = at.get(`hub:${NAME}`, { cache: join(at.cache, "file") });
    await expect(running).rejects.toThrow(RequestError);
    await expect(running).rejects.toThrow(/file" cannot be written to \(E\w+\); set HF_HUB_CACHE to another place\.$/);
  });

  it.skipIf(process.platform === "win32")("because the disk is full, and goes on once there is room", async () => {
    // A limit on the size of files fails in the middle of a write, as a full disk does.
    const script = `
      import { fetchFromHub, hubName } from "./src/weights/index.ts";
      const settings = ${JSON.stringify(at.settings())};
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
    at.hub.seen.length = 0;
    await at.get();
    expect(at.ranges()).toEqual(["bytes=1024000-"]);
    expect((await readFile(at.folder("blobs", HASH))).equals(CONTENT)).toBe(true);
  });
});
