import { cp, mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import crc32 from "crc-32";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRun, writeRun } from "../../src/report/index.js";
import type { RunningUi } from "../../src/ui/index.js";
import { type Asked, ask, cookieFor, makeRuns, openUi, removed } from "./open.js";

let place: Awaited<ReturnType<typeof makeRuns>>;
let ui: RunningUi;
let cookie: string;

const SECRET = "the secret outside of the runs folder";

beforeAll(async () => {
  place = await makeRuns();
  await writeFile(join(place.folder, "secret.txt"), SECRET);
  ui = await openUi(place.runs);
  cookie = await cookieFor(ui);
}, 120_000);
afterAll(async () => {
  await ui?.close();
  if (place) await removed(place.folder);
});

const get = (path: string, headers: Asked["headers"] = {}) => ask(ui.origin, path, { headers: { cookie, ...headers } });
const post = (path: string, body: unknown, headers: Asked["headers"] = {}) =>
  ask(ui.origin, path, {
    method: "POST",
    headers: { cookie, origin: ui.origin, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
const idOf = async (name: string): Promise<string> => {
  const { runs } = (await get("/api/runs")).json<{ runs: { id: string; name: string }[] }>();
  return runs.find((run) => run.name === name)!.id;
};

describe("the token", () => {
  it.each(["/", "/api/runs", "/api/events", "/api/models", "/assets/x.js", "/runs/x"])(
    "is wanted for %s",
    async (path) => {
      const { status, body } = await ask(ui.origin, path);
      expect(status).toBe(401);
      expect(body.toString()).not.toContain(ui.token);
    },
  );
  it.each([
    ["a wrong cookie", { cookie: "fixres_ui=1" }],
    ["a wrong bearer", { authorization: `Bearer ${"0".repeat(64)}` }],
    ["an empty bearer", { authorization: "Bearer " }],
    ["another scheme", { authorization: "Basic abc" }],
  ])("is not %s", async (_, headers) => {
    expect((await ask(ui.origin, "/api/runs", { headers })).status).toBe(401);
  });
  it("is not taken from the address of a request for data, nor when it is wrong", async () => {
    expect((await ask(ui.origin, `/api/runs?token=${ui.token}`)).status).toBe(401);
    expect((await ask(ui.origin, `/?token=${"0".repeat(64)}`)).status).toBe(401);
  });
  it("leaves a cookie that scripts and other sites do not get, and is gone from the address", async () => {
    const { status, headers } = await ask(ui.origin, `/runs/x?token=${ui.token}&a=1`);
    expect(status).toBe(303);
    expect(headers.location).toBe("/runs/x?a=1");
    const [set] = headers["set-cookie"]!;
    expect(set).toMatch(/HttpOnly/);
    expect(set).toMatch(/SameSite=Strict/);
    expect(set).not.toContain(ui.token);
  });
  it("never sends the browser to another server", async () => {
    const { headers } = await ask(ui.origin, `//evil.example/?token=${ui.token}`);
    expect(headers.location).toBe("/evil.example/");
  });
  it("lies in a file for its owner alone", async () => {
    const { mode } = await stat(join(place.runs, ".fixres-ui", "token"));
    expect(mode & 0o077).toBe(0);
  });
});

describe("names and origins", () => {
  const port = () => new URL(ui.origin).port;
  it.each(["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.2", "0.0.0.0"])(
    "refuses the host %j, as DNS rebinding would have it",
    async (name) => {
      expect((await get("/api/runs", { host: name })).status).toBe(403);
      expect((await get("/", { host: `${name}:${port()}` })).status).toBe(403);
      // Not even the token helps.
      expect((await ask(ui.origin, `/?token=${ui.token}`, { headers: { host: name } })).status).toBe(403);
    },
  );
  it("takes its own names", async () => {
    for (const name of ["127.0.0.1", "localhost", "[::1]"])
      expect((await get("/api/runs", { host: `${name}:${port()}` })).status).toBe(200);
  });
  it.each(["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1", "http://localhost"])(
    "refuses what a page of %s asks for, with the cookie too",
    async (origin) => {
      expect((await get("/api/runs", { origin })).status).toBe(403);
      expect((await post("/api/runs", {}, { origin })).status).toBe(403);
      expect((await get("/api/events", { origin })).status).toBe(403);
    },
  );
  it("refuses what changes something and comes without an origin, by cookie", async () => {
    const headers = { cookie, "content-type": "application/json" };
    expect((await ask(ui.origin, "/api/runs", { method: "POST", headers, body: "{}" })).status).toBe(403);
  });
  it.each(["cross-site", "same-site"])("refuses data to a %s page that tells no origin", async (site) => {
    expect((await get("/api/runs", { "sec-fetch-site": site, "sec-fetch-mode": "no-cors" })).status).toBe(403);
    expect((await get("/api/runs", { "sec-fetch-site": site, "sec-fetch-mode": "navigate" })).status).toBe(403);
    expect((await get("/assets/x.js", { "sec-fetch-site": site, "sec-fetch-mode": "no-cors" })).status).toBe(403);
  });
  it("answers no page of another origin what it may do", async () => {
    const { status, headers } = await ask(ui.origin, "/api/runs", {
      method: "OPTIONS",
      headers: { origin: "http://evil.example", "access-control-request-method": "POST" },
    });
    expect(status).toBe(403);
    expect(headers["access-control-allow-origin"]).toBeUndefined();
  });
});

describe("headers", () => {
  it("of every answer, refusals too", async () => {
    for (const { headers } of [
      await get("/"),
      await get("/api/runs"),
      await ask(ui.origin, "/"),
      await get("/", { host: "x" }),
    ]) {
      const policy = headers["content-security-policy"]!;
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["x-frame-options"]).toBe("DENY");
      expect(headers["referrer-policy"]).toBe("no-referrer");
      expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
      expect(headers["access-control-allow-origin"]).toBeUndefined();
    }
  });
});

/** A PNG of side x side black pixels, a bit each, in some kilobytes. */
function largePng(side: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeInt32BE(crc32.buf(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((side / 8 + 1) * side));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))]);
}

/** Ways to say "the folder above". */
const UP = [
  "..",
  "%2e%2e",
  "%2E%2E",
  ".%2e",
  "..%2f..",
  "..%5c..",
  "%252e%252e",
  "..%00",
  "%c0%ae%c0%ae",
  "....//",
  "..;",
];

describe("files outside", () => {
  it.each(UP)("are not to be had by %s", async (up) => {
    const ways = [
      `/${up}/secret.txt`,
      `/${up}/${up}/secret.txt`,
      `/assets/${up}/${up}/${up}/secret.txt`,
      `/api/${up}/secret.txt`,
    ];
    const id = await idOf("eval");
    ways.push(`/api/runs/${up}`, `/api/runs/${up}%2fsecret.txt`, `/api/runs/${id}/evaluations/${up}/rows`);
    ways.push(`/api/runs/${id}/evaluations/0/pictures/${up}`, `/api/runs/${id}/figures/${up}%2fsecret.txt`);
    for (const way of ways) {
      const { status, body } = await get(way);
      expect(body.toString(), way).not.toContain(SECRET);
      // The page itself answers addresses of its own.
      if (way.startsWith("/api/")) expect([400, 404], way).toContain(status);
    }
  });
  it("are not to be had by an absolute address, or one of another server", async () => {
    for (const way of [
      `http://evil.example${join(place.folder, "secret.txt")}`,
      join(place.folder, "secret.txt"),
      "//secret.txt",
      "*",
    ]) {
      const { body } = await get(way).catch(() => ({ body: Buffer.alloc(0) }));
      expect(body.toString()).not.toContain(SECRET);
    }
  });
  it("nor is the server's own folder", async () => {
    for (const way of ["/.fixres-ui/token", "/api/runs/.fixres-ui", "/api/runs/.fixres-ui%2ftoken"])
      expect((await get(way)).body.toString()).not.toContain(ui.token);
  });
  it("are not followed to by links: runs, models, evaluations and rows", async () => {
    const outside = join(place.folder, "outside");
    await cp(join(place.runs, "eval"), outside, { recursive: true });
    await cp(join(place.runs, "model"), join(place.folder, "model-outside"), { recursive: true });
    await symlink(outside, join(place.runs, "linked-run"));
    await symlink(join(place.folder, "model-outside"), join(place.runs, "linked-model"));
    const half = join(place.runs, "half");
    await mkdir(join(half, "evaluations"), { recursive: true });
    await cp(join(place.runs, "eval", "run.json"), join(half, "run.json"));
    await symlink(outside, join(half, "evaluations", "linked"));
    await symlink(join(outside, "evaluation.json"), join(half, "evaluation.json"));
    await symlink(join(outside, "pictures.parquet"), join(half, "pictures.parquet"));
    const third = join(place.runs, "third");
    await mkdir(third);
    await symlink(join(outside, "run.json"), join(third, "run.json"));
    await new Promise((resolve) => setTimeout(resolve, 700));
    const { runs } = (await get("/api/runs")).json<{ runs: { id: string; name: string }[] }>();
    expect(runs.map(({ name }) => name).sort()).toEqual(["eval", "half"]);
    const { models } = (await get("/api/models")).json<{ models: { name: string }[] }>();
    expect(models.map(({ name }) => name)).toEqual(["model"]);
    const id = await idOf("half");
    expect((await get(`/api/runs/${id}`)).json().evaluations).toEqual([]);
    expect((await get(`/api/runs/${id}/evaluations/0/rows`)).status).toBe(404);
    expect((await get(`/api/runs/${id}/figures`)).json().figures).toEqual([]);
    for (const name of ["linked-run", "linked-model", "half", "third"])
      await rm(join(place.runs, name), { recursive: true });
  });
  it("of a record's data are shown as pictures only", async () => {
    // A record that calls a folder of other files its data, and a row that names one of them.
    const run = join(place.runs, "forged");
    await cp(join(place.runs, "eval"), run, { recursive: true });
    const data = join(place.folder, "no-pictures");
    await cp(place.pictures, data, { recursive: true });
    const record = await readRun(run);
    await writeRun(run, { ...record, settings: { ...record.settings, data } });
    await new Promise((resolve) => setTimeout(resolve, 700));
    const id = await idOf("forged");
    const { rows } = (await get(`/api/runs/${id}/evaluations/0/rows?sort=place`)).json<{
      rows: { row: number; id: string }[];
    }>();
    const file = join(data, "val", rows[0]!.id);
    expect((await readFile(file)).length).toBeGreaterThan(0);
    await writeFile(file, SECRET);
    const { status, body } = await get(`/api/runs/${id}/evaluations/0/pictures/${rows[0]!.row}`);
    expect(status).toBe(400);
    expect(body.toString()).not.toContain(SECRET);
    const good = await get(`/api/runs/${id}/evaluations/0/pictures/${rows[1]!.row}`);
    expect(good.headers["content-type"]).toBe("image/webp");
    expect((await sharp(good.body).metadata()).format).toBe("webp");
    await rm(run, { recursive: true });
  });
  it("rows take nothing but numbers and words", async () => {
    const id = await idOf("eval");
    const rows = `/api/runs/${id}/evaluations/0/rows`;
    for (const bad of [
      "label=1%20OR%201=1",
      "sort=loss;DROP",
      "size=100000",
      "page=-1",
      "outcome=x",
      "file=/etc/hostname",
    ])
      expect((await get(`${rows}?${bad}`)).status, bad).toBe(400);
    const odd = await get(`${rows}?text=${encodeURIComponent("' OR read_text('/etc/hostname') --")}`);
    expect(odd.json().total).toBe(0);
    for (const row of ["-1", "1e3", "999999", "0x1", "1%20OR%201"])
      expect((await get(`/api/runs/${id}/evaluations/0/pictures/${row}`)).status, row).toBe(404);
  });
});

describe("uploads", () => {
  const upload = async (files: readonly [string, Uint8Array][]) => {
    const form = new FormData();
    for (const [name, bytes] of files) form.append("pictures", new Blob([new Uint8Array(bytes)]), name);
    const { models } = (await get("/api/models")).json<{ models: { id: string }[] }>();
    return fetch(`${ui.origin}/api/models/${models[0]!.id}/predict`, {
      method: "POST",
      body: form,
      headers: { cookie, origin: ui.origin },
    });
  };
  const picture = () =>
    sharp({ create: { width: 40, height: 30, channels: 3, background: "red" } })
      .png()
      .toBuffer();

  it("are predicted, by names that mean nothing to the server", async () => {
    const response = await upload([
      ["../../../../tmp/evil.png", await picture()],
      ["--help", await picture()],
      ["notes.txt", Buffer.from("no picture")],
    ]);
    expect(response.status).toBe(200);
    const { predictions } = (await response.json()) as {
      predictions: { name: string; top: unknown[]; error: string | null }[];
    };
    expect(predictions.map(({ top }) => top.length)).toEqual([3, 3, 0]);
    expect(predictions[2]!.error).toMatch(/is no JPEG/);
  });
  it("of too many pictures are refused", async () => {
    const one = await picture();
    expect((await upload(Array.from({ length: 17 }, (_, i) => [`${i}.png`, one]))).status).toBe(413);
  });
  it("of too many bytes are refused, whatever they say of their length", async () => {
    expect((await upload([["large.png", new Uint8Array(17 * 2 ** 20)]])).status).toBe(413);
    const { models } = (await get("/api/models")).json<{ models: { id: string }[] }>();
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 2 ** 20;
        if (sent > 200 * 2 ** 20) controller.close();
        else controller.enqueue(new Uint8Array(2 ** 20));
      },
    });
    const response = await fetch(`${ui.origin}/api/models/${models[0]!.id}/predict`, {
      ...{ method: "POST", body: endless, duplex: "half" },
      headers: { cookie, origin: ui.origin, "content-type": "multipart/form-data; boundary=x" },
    } as RequestInit).catch(() => null);
    expect(response?.status ?? 413).toBe(413);
    expect(sent).toBeLessThan(150 * 2 ** 20);
  });
  it("that would be large once decoded are refused by their header", async () => {
    const bomb = largePng(20_000);
    expect(bomb.length).toBeLessThan(2 ** 20);
    const before = process.memoryUsage().rss;
    const response = await upload([["bomb.png", bomb]]);
    const { predictions } = (await response.json()) as { predictions: { error: string | null }[] };
    expect(predictions[0]!.error).toMatch(/20000 x 20000 pixels/);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 2 ** 20);
  });
});

describe("starting runs", () => {
  const start = (change: object) =>
    post("/api/runs", { command: "eval", name: "new", arguments: ["model"], options: { data: "x" }, ...change });
  it.each(["../out", "a/../../out", "/etc/out", ".hidden", "a//b", "a\\b", "a\0b", "-rf", "--out", "", "a/.."])(
    "takes no name %j",
    async (name) => {
      expect((await start({ name })).status).toBe(400);
    },
  );
  it("takes no name through a link, or of what is there", async () => {
    await symlink(place.folder, join(place.runs, "link"));
    expect((await start({ name: "link/out" })).json().error).toMatch(/leads out/);
    expect((await start({ name: "eval" })).json().error).toMatch(/is there already/);
    await rm(join(place.runs, "link"));
  });
  it.each([
    ["another command", { command: "export" }],
    ["a path as command", { command: "../../bin/sh" }],
    ["a property of objects", { command: "__proto__" }],
    ["an option that is not shown", { options: { data: "x", csv: "/tmp/x" } }],
    ["--out", { options: { data: "x", out: "/tmp/x" } }],
    ["an option in an option's name", { options: { "data=x --out": "y" } }],
    ["a flag with a value", { options: { data: "x", "per-class": "y" } }],
    ["a value that is none of the choices", { options: { data: "x", device: "--out=/tmp/x" } }],
    ["a number that is none", { options: { data: "x", resolution: "32; touch /tmp/x" } }],
    ["NUL", { options: { data: "x\0y" } }],
    ["too many arguments", { arguments: ["model", "--out=/tmp/x"] }],
    ["no data", { options: {} }],
    ["more than it asks for", { shell: true }],
  ])("refuses %s", async (_, change) => {
    expect((await start(change)).status).toBe(400);
  });
  it("hands values that look like options on as values", async () => {
    const { run } = (
      await start({ name: "odd", arguments: ["--out=/tmp/fixres-odd"], options: { data: "--debug" } })
    ).json<{ run: { id: string; argv: string[] } }>();
    expect(run.argv).toEqual([
      "eval",
      "--data=--debug",
      `--out=${join(place.runs, "odd")}`,
      "--",
      "--out=/tmp/fixres-odd",
    ]);
    await expect
      .poll(async () => (await get(`/api/runs/${run.id}`)).json<{ started: { code: number } }>().started.code, {
        timeout: 30_000,
      })
      .toBe(2);
    expect((await get(`/api/runs/${run.id}`)).json().log).toMatch(/--out=\/tmp\/fixres-odd/);
  });
  it("wants JSON, which a page of another origin cannot send unasked", async () => {
    const { status } = await post("/api/runs", {}, { "content-type": "text/plain" });
    expect(status).toBe(400);
  });
  it("ends no process that a forged record names, and starts nothing else from one", async () => {
    const run = join(place.runs, "forged");
    await cp(join(place.runs, "eval"), run, { recursive: true });
    const record = await readRun(run);
    await writeRun(run, { ...record, status: "running", ended: null, pid: process.pid });
    await new Promise((resolve) => setTimeout(resolve, 700));
    const id = await idOf("forged");
    expect((await post(`/api/runs/${id}/stop`, {})).json().error).toMatch(/is not this run's/);
    for (const argv of [
      ["export", "model"],
      ["eval", "model", "--out", place.folder],
      ["eval", "--out=/tmp/x", "model"],
      // "--" is the value of --data here, and ends nothing.
      ["eval", "model", "--data", "--", `--out=${place.folder}`],
      [],
    ]) {
      await writeRun(run, { ...record, status: "stopped", argv });
      expect((await post(`/api/runs/${id}/resume`, {})).status).toBe(400);
    }
    await rm(run, { recursive: true });
  });
});
