import { mkdir, readdir, readFile, readlink, rm, stat, utimes, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { DataError, RequestError } from "../../errors.js";
import { fetchFromHub } from "./fetch.js";
import { COMMIT, CONTENT, HASH, HubFixture, NAME, REPO } from "./fixture.testing.js";
import { hubName } from "./name.js";
import { hashOf } from "./server.testing.js";

const at = new HubFixture();

describe("fetchFromHub", () => {
  it("puts weights and configuration where every client of the hub looks for them", async () => {
    const { path, config, origin } = await at.get();
    expect(origin).toEqual({ repo: NAME, commit: COMMIT, file: "model.safetensors" });
    expect(path).toBe(at.folder("snapshots", COMMIT, "model.safetensors"));
    expect(config).toBe(at.folder("snapshots", COMMIT, "config.json"));
    expect(await readlink(path)).toBe(`../../blobs/${HASH}`);
    expect((await readFile(path)).equals(CONTENT)).toBe(true);
    expect(await readFile(at.folder("refs", "main"), "utf8")).toBe(COMMIT);
    expect((await readdir(at.folder("blobs"))).sort()).toEqual([HASH, hashOf(REPO.files["config.json"]!)].sort());
    expect(at.requests()).toEqual([
      `hub GET /api/models/${NAME}/revision/main`,
      `hub POST /api/models/${NAME}/paths-info/${COMMIT}`,
      `hub GET /${NAME}/resolve/${COMMIT}/config.json`,
      `hub GET /api/resolve-cache/${NAME}/resolve/${COMMIT}/config.json`,
      `hub GET /${NAME}/resolve/${COMMIT}/model.safetensors`,
      `files GET /${HASH}`,
    ]);
  });

  it("asks for the commit of a branch alone where its files are here, and for nothing of a commit or offline", async () => {
    const first = await at.get();
    at.hub.seen.length = 0;
    expect(await at.get()).toEqual(first);
    expect(at.requests()).toEqual([`hub GET /api/models/${NAME}/revision/main`]);
    at.hub.seen.length = 0;
    expect(await at.get(`hub:${NAME}@${COMMIT}`)).toEqual(first);
    expect(await at.get(`hub:${NAME}`, { offline: true })).toEqual(first);
    expect(at.requests()).toEqual([]);
  });

  it("takes other revisions and files by name, and PyTorch's where there is no safetensors", async () => {
    const other = await at.get(`hub:${NAME}@refs/pr/1:more/model 2.bin`);
    expect(await readFile(other.path, "utf8")).toBe("another");
    expect(other.config).toBe(at.folder("snapshots", COMMIT, "config.json"));
    expect(await at.get(`hub:${NAME}@refs/pr/1:more/model 2.bin`, { offline: true })).toEqual(other);
    at.hub.repos.set("a/b", { ...REPO, files: { "pytorch_model.bin": { content: Buffer.from("PK"), lfs: true } } });
    const torch = await at.get("hub:a/b");
    expect(torch).toMatchObject({ config: null, origin: { file: "pytorch_model.bin" } });
    expect(await at.get("hub:a/b", { offline: true })).toEqual(torch);
  });

  it("gives the same file of a commit whatever was fetched before", async () => {
    await at.get(`hub:${NAME}@${COMMIT}:pytorch_model.bin`);
    expect((await at.get(`hub:${NAME}@${COMMIT}`)).origin.file).toBe("model.safetensors");
  });

  it("follows a branch to its next commit, and fetches only what has changed", async () => {
    await at.get();
    const commit = COMMIT.replace("0", "f");
    at.hub.repos.set(NAME, { ...REPO, commit });
    at.hub.seen.length = 0;
    expect((await at.get()).origin.commit).toBe(commit);
    expect(at.requests()).toHaveLength(2);
    expect((await at.get(`hub:${NAME}`, { offline: true })).origin.commit).toBe(commit);
  });

  it("gives the token to the hub, not to the host of the files", async () => {
    await at.get(`hub:${NAME}`, { token: "hf_secret" });
    const given = at.hub.seen.map(({ host, authorization }) => [host, authorization]);
    expect(new Set(given.map(String))).toEqual(new Set(["hub,Bearer hf_secret", "files,"]));
  });

  it("gives one right file where two fetch at once", async () => {
    const both = await Promise.all([at.get(), at.get()]);
    for (const { path } of both) expect((await readFile(path)).equals(CONTENT)).toBe(true);
    expect((await readdir(at.folder("blobs"))).length).toBe(2);
  });
});

describe("a download that is cut off", () => {
  it("goes on where it stopped, and says so", async () => {
    at.hub.fault = { after: 1_000_000, what: "break" };
    await at.get();
    expect(at.ranges()).toEqual([undefined, "bytes=1000000-", "bytes=2000000-"]);
    expect(at.notes[0]).toMatch(/^the connection to http:\S+ broke \(.*\); attempt 2 of 5 in 0 s$/);
    expect((await readFile(at.folder("blobs", HASH))).equals(CONTENT)).toBe(true);
  });

  it("goes on in a later run, too", async () => {
    at.hub.fault = { after: 1_000_000, what: "silence" };
    const stop = new AbortController();
    const running = at.get(`hub:${NAME}`, {}, stop.signal);
    await expect.poll(async () => (await sizes())[0]).toBe(1_000_000);
    stop.abort(new Error("stopped by Ctrl-C"));
    await expect(running).rejects.toThrow("stopped by Ctrl-C");
    expect(await readdir(at.folder("blobs"))).toContain(`${HASH}.fixres.incomplete`);
    expect(await readdir(at.folder())).not.toContain("refs");
    Object.assign(at.hub, { fault: null });
    at.hub.seen.length = 0;
    await at.get();
    expect(at.ranges()).toEqual(["bytes=1000000-"]);
    expect(at.notes).toContain("model.safetensors: goes on at 1.0 of 2.4 MB");
    expect((await readFile(at.folder("blobs", HASH))).equals(CONTENT)).toBe(true);
    expect((await readdir(at.folder("blobs"))).length).toBe(2);
  });

  it("leaves the part of a download that may be under way alone, and takes over an old one", async () => {
    const part = `${HASH}.00000000.fixres.incomplete`;
    await mkdir(at.folder("blobs"), { recursive: true });
    await writeFile(at.folder("blobs", part), CONTENT.subarray(0, 500_000));
    at.hub.fault = { after: 100_000, what: "silence" };
    const stop = new AbortController();
    const running = at.get(`hub:${NAME}`, {}, stop.signal);
    await expect.poll(sizes).toEqual([600_000, 500_000]);
    stop.abort(new Error("stop"));
    await expect(running).rejects.toThrow("stop");
    await rm(at.folder("blobs", `${HASH}.fixres.incomplete`));
    await utimes(at.folder("blobs", part), 0, 0);
    at.hub.fault = null;
    await at.get();
    expect(at.ranges()).toEqual(["bytes=500000-", "bytes=500000-"]);
    expect((await readFile(at.folder("blobs", HASH))).equals(CONTENT)).toBe(true);
    expect((await readdir(at.folder("blobs"))).length).toBe(2);
  });

  it("starts anew where the server does not give parts", async () => {
    await mkdir(at.folder("blobs"), { recursive: true });
    await writeFile(at.folder("blobs", `${HASH}.fixres.incomplete`), CONTENT.subarray(0, 500_000));
    at.hub.instead = ({ host }, request) => {
      if (host === "files") delete request.headers.range;
      return false;
    };
    await at.get();
    expect((await readFile(at.folder("blobs", HASH))).equals(CONTENT)).toBe(true);
  });

  it("asks nothing where only the last step was missing", async () => {
    await mkdir(at.folder("blobs"), { recursive: true });
    await writeFile(at.folder("blobs", `${HASH}.fixres.incomplete`), CONTENT);
    await at.get();
    expect(at.ranges()).toEqual([]);
    expect((await readFile(at.folder("snapshots", COMMIT, "model.safetensors"))).equals(CONTENT)).toBe(true);
  });

  it("ends after some attempts, and keeps what it has", async () => {
    at.hub.fault = { after: 0, what: "silence" };
    await mkdir(at.folder("blobs"), { recursive: true });
    await writeFile(at.folder("blobs", `${HASH}.fixres.incomplete`), CONTENT.subarray(0, 500_000));
    const running = fetchFromHub(hubName(`hub:${NAME}`)!, at.settings(), { times: { silenceMs: 40, waitMs: 1 } });
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(
      /nothing came from .*, 5 times; run the same command again later, and it goes on/,
    );
    expect((await sizes())[0]).toBe(500_000);
  });

  const sizes = async (): Promise<number[]> => {
    const names = await readdir(at.folder("blobs")).catch(() => []);
    const found = await Promise.all(
      names.filter((name) => name.startsWith(HASH)).map((name) => stat(at.folder("blobs", name))),
    );
    return found.map(({ size }) => size).sort((a, b) => b - a);
  };
});

describe("a server in trouble", () => {
  it.each([503, 429])("is asked again after %i, as late as it wants", async (status) => {
    let times = 0;
    at.hub.instead = ({ path }, _, response) => {
      if (!path.includes("/revision/") || times++ > 0) return false;
      response.writeHead(status, { "Retry-After": "1" }).end();
      return true;
    };
    const started = performance.now();
    await at.get();
    expect(performance.now() - started).toBeGreaterThan(900);
    expect(at.notes[0]).toBe(`${at.hub.endpoint} answers ${status}; attempt 2 of 5 in 1 s`);
  });

  it("is given up after five attempts", async () => {
    at.hub.instead = (_, __, response) => {
      response.writeHead(500).end();
      return true;
    };
    const running = at.get();
    await expect(running).rejects.toThrow(DataError);
    await expect(running).rejects.toThrow(
      `${at.hub.endpoint} answers 500, 5 times; run the same command again later, and it goes on from here.`,
    );
    expect(at.hub.seen).toHaveLength(5);
  });

  it("or that cannot be reached is named, with the ways around it", async () => {
    const running = at.get(`hub:${NAME}`, { endpoint: "http://127.0.0.1:9" });
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
    await expect(at.get(`hub:${repo}`)).rejects.toThrow(RequestError);
    await expect(at.get(`hub:${repo}`)).rejects.toThrow(text);
    await expect(at.get(`hub:${repo}`, { token: "hf_x" })).rejects.toThrow(
      `HF_TOKEN is not valid at ${at.hub.endpoint}, or there is no "${repo}" for it.`,
    );
    expect(await readdir(at.cache)).toEqual([]);
  });

  it("the revision", async () => {
    const running = at.get(`hub:${NAME}@v2`);
    await expect(running).rejects.toThrow(RequestError);
    await expect(running).rejects.toThrow(`"${NAME}" has no revision "v2"; give a branch`);
  });

  it("the file", async () => {
    await expect(at.get(`hub:${NAME}:model.onnx`)).rejects.toThrow(
      new DataError(
        `"${NAME}" at ${at.hub.endpoint} has no file "model.onnx"; there is README.md, config.json, model.safetensors, pytorch_model.bin, more/model 2.bin.`,
      ),
    );
    at.hub.repos.set("a/b", { ...REPO, files: { "a\u001b[2J\n.md": { content: Buffer.from(""), lfs: false } } });
    await expect(at.get("hub:a/b")).rejects.toThrow(
      "has neither model.safetensors nor pytorch_model.bin; there is a [2J .md; name one by hub:a/b:FILE.",
    );
  });

  it("a licence to read it", async () => {
    at.hub.instead = ({ path }, _, response) => {
      if (!path.includes("/resolve/")) return false;
      response.writeHead(401, { "X-Error-Code": "GatedRepo" }).end();
      return true;
    };
    await expect(at.get()).rejects.toThrow(
      `is gated; accept its terms at ${at.hub.endpoint}/${NAME}, and set HF_TOKEN`,
    );
  });

  it("the file on the host of files, whose signed address is not shown", async () => {
    at.hub.instead = ({ host }, _, response) => {
      if (host === "hub") return false;
      response.writeHead(403).end();
      return true;
    };
    await expect(at.get()).rejects.toThrow(
      new DataError(`the host of the files of "${NAME}" answers 403; run the same command again later.`),
    );
  });

  it("offline: says how to fetch it", async () => {
    const running = at.get(`hub:${NAME}`, { offline: true });
    await expect(running).rejects.toThrow(RequestError);
    await expect(running).rejects.toThrow(
      `model.safetensors or pytorch_model.bin of "${NAME}" at main is not in ${at.cache}, and this is offline; run the same command once without --offline and HF_HUB_OFFLINE.`,
    );
    expect(at.hub.seen).toEqual([]);
  });
});
