import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { checkedPath, openStore, sha256Of, storePath, Unavailable } from "./store.js";

let directory: string;
let server: Server;
let address: string;
/** What the server does with its next answers. */
let faults: ("cut" | "flip" | "500" | "whole" | "404")[] = [];
let asked: string[] = [];
const content = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 31) % 256));

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-store-"));
  await mkdir(join(directory, "shared"));
  await writeFile(join(directory, "shared", "a b.bin"), content);
  server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.range ?? ""}`);
    const fault = faults.shift();
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
    const ranged = from !== undefined && fault !== "whole";
    const bytes = Buffer.from(ranged ? content.subarray(Number(from), Number(to) + 1) : content);
    if (fault === "500" || fault === "404") return response.writeHead(Number(fault)).end();
    if (fault === "flip") bytes[3]! ^= 1;
    response.writeHead(ranged ? 206 : 200, { "Content-Length": bytes.length });
    if (fault !== "cut") return response.end(bytes);
    response.write(bytes.subarray(0, 10));
    setTimeout(() => response.destroy(), 20);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  address = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
beforeEach(async () => {
  [faults, asked] = [[], []];
  await rm(join(directory, "cache"), { recursive: true, force: true });
});
afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true, force: true });
});

const http = () => openStore(address, join(directory, "cache"), () => {});
const piece = { path: "a b.bin", range: [100, 50] as const, sha256: sha256Of(content.subarray(100, 150)) };

it("reads whole files and parts of a folder, and checks them", async () => {
  const store = openStore(join(directory, "shared"), "", () => {});
  expect(Buffer.from(await store.bytes({ path: "a b.bin" }))).toEqual(content);
  expect(Buffer.from(await store.bytes(piece))).toEqual(content.subarray(100, 150));
  await expect(store.bytes({ ...piece, range: [101, 50] })).rejects.toThrow("is not what the command has");
});

it("fetches a part by its range, once, and reads it from the cache while that is whole", async () => {
  const store = http();
  expect(Buffer.from(await store.bytes(piece))).toEqual(content.subarray(100, 150));
  await store.bytes(piece);
  expect(asked).toEqual(["/a%20b.bin bytes=100-149"]);
  await writeFile(join(directory, "cache", "pieces", piece.sha256.slice(0, 2), piece.sha256), "damaged");
  expect(Buffer.from(await store.bytes(piece))).toEqual(content.subarray(100, 150));
  expect(asked).toHaveLength(2);
});

it.each([["cut"], ["flip"], ["500"]] as const)("asks again after an answer that is %s", async (fault) => {
  faults = [fault, fault];
  expect(Buffer.from(await http().bytes(piece))).toEqual(content.subarray(100, 150));
  expect(asked).toHaveLength(3);
});

it("takes its part of a server that does not heed ranges", async () => {
  faults = ["whole"];
  expect(Buffer.from(await http().bytes(piece))).toEqual(content.subarray(100, 150));
});

it("tells what the server lacks from a server that does not answer", async () => {
  faults = ["404"];
  await expect(http().bytes(piece)).rejects.toThrow(`"a b.bin" at ${address}: the server answers 404.`);
  faults = Array.from({ length: 4 }, () => "flip" as const);
  await expect(http().bytes(piece)).rejects.toBeInstanceOf(Unavailable);
  const nobody = openStore("http://127.0.0.1:59371", join(directory, "cache"), () => {});
  await expect(nobody.bytes(piece)).rejects.toThrow(/cannot be had from http:\/\/127\.0\.0\.1:59371: .*ECONNREFUSED/);
});

it("brings whole files into a folder, checked", async () => {
  faults = ["cut", "flip"];
  const file = { path: "a b.bin", size: content.length, sha256: sha256Of(content), as: "weights" };
  const folder = await http().folder("key", [file]);
  expect(await readFile(join(folder, "weights"))).toEqual(content);
  expect(asked).toHaveLength(3);
  await http().folder("key", [file]);
  expect(asked).toHaveLength(3);
});

it("goes on without a cache where that cannot be written", async () => {
  const notes: string[] = [];
  const store = openStore(address, "/proc/none", (text) => notes.push(text));
  expect(Buffer.from(await store.bytes(piece))).toEqual(content.subarray(100, 150));
  expect(notes[0]).toContain('nothing more is kept in "/proc/none"');
});

it("keeps jobs within the store", () => {
  for (const path of ["../x", "a/../../x", "/etc/hosts"])
    expect(() => checkedPath(path)).toThrow("not within the store");
  expect(storePath("/", "/data/a.jpg")).toBe("data/a.jpg");
  expect(storePath("/data", "/data/x/../a.jpg")).toBe("a.jpg");
  expect(storePath("/data/", "/data/a.jpg")).toBe("a.jpg");
  expect(storePath("/data", "/data")).toBe("");
  expect(() => storePath("/data", "/database/a.jpg")).toThrow("is not in the folder that workers see");
  expect(() => openStore("ftp://x", "", () => {})).toThrow("neither a folder nor an address");
});
