import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { readFile, rename, rm, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { DataError, reason } from "../errors.js";
import { exists, folderMade } from "../files.js";
import { checkedPath, fileHash, type Store, sha256Of, Unavailable, type WholeFile } from "./store.js";

/** Attempts for one file or piece, before it counts as out of reach. */
const ATTEMPTS = 4;

/** Before a second attempt, ms; twice as long before each further one. */
const WAIT_MS = 200;

/** Without a byte, after which a connection counts as dead, ms. */
const SILENCE_MS = 20_000;

/** Bytes asked for at once of a large file: what is lost where a connection breaks. */
const PIECE = 2 ** 24;

/** Share of the disk that the cache leaves free. */
const LEFT_FREE = 0.05;

/**
 * A store behind HTTP, such as nginx over the folder. What comes is checked against its hash and kept on disk by it; where the disk
 * has no room, pictures are fetched each time.
 */
export function openHttpStore(address: string, cache: string, note: (text: string) => void): Store {
  const base = address.replace(/\/+$/, "");
  const shown = withoutPassword(base);
  let told = false;
  const noRoom = (error: unknown): void => {
    if (!told) note(`nothing more is kept in "${cache}": ${reason(error)}`);
    told = true;
  };
  const keep = async (path: string, bytes: Uint8Array): Promise<void> => {
    const aside = `${path}.${randomBytes(4).toString("hex")}.tmp`;
    try {
      await folderMade(dirname(path));
      const { bavail, blocks } = await statfs(dirname(path));
      if (bavail < LEFT_FREE * blocks) return noRoom(new Error("the disk is nearly full"));
      await writeFile(aside, bytes);
      await rename(aside, path);
    } catch (error) {
      await rm(aside, { force: true }).catch(() => {});
      noRoom(error);
    }
  };
  return {
    name: shown,
    local: () => null,
    async bytes({ path, range, sha256 }) {
      if (sha256 === undefined)
        throw new Unavailable(
          `the job tells no hash of "${path}", which is fetched from ${shown}; give --over-http to the command`,
        );
      const place = join(cache, "pieces", sha256.slice(0, 2), sha256);
      const kept = await readFile(place).catch(() => null);
      if (kept !== null && sha256Of(kept) === sha256) return kept;
      const headers: Record<string, string> =
        range === undefined ? {} : { Range: `bytes=${range[0]}-${range[0] + range[1] - 1}` };
      const bytes = await patiently(shown, path, async () => {
        const got = await ask(urlOf(base, path), headers, range?.[1]);
        if (sha256Of(got) !== sha256) throw new Error("what came is not what the command has");
        return got;
      });
      await keep(place, bytes);
      return bytes;
    },
    async folder(key, files) {
      const folder = join(cache, "models", key);
      for (const file of files) await fetchFile(base, shown, file, join(folder, file.as));
      return folder;
    },
  };
}

/** Brings a large file, piece by piece, to its place. */
async function fetchFile(base: string, shown: string, file: WholeFile, place: string): Promise<void> {
  if (await exists(place)) {
    const found = await fileHash(place).catch(() => null);
    if (found?.sha256 === file.sha256) return;
  }
  const aside = `${place}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    await folderMade(dirname(place));
    for (let attempt = 1; ; attempt++) {
      await fetchPieces(base, shown, file, aside);
      if ((await fileHash(aside)).sha256 === file.sha256) break;
      if (attempt === ATTEMPTS)
        throw new Unavailable(`"${file.path}" at ${shown} is not what the command has: its SHA-256 differs`);
    }
    await rename(aside, place);
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    throw new Unavailable(`"${file.path}" cannot be kept in "${dirname(place)}": ${reason(error)}`);
  } finally {
    await rm(aside, { force: true }).catch(() => {});
  }
}

async function fetchPieces(base: string, shown: string, { path, size }: WholeFile, aside: string): Promise<void> {
  const output = createWriteStream(aside);
  output.on("error", () => {});
  try {
    for (let at = 0; at < size; at += PIECE) {
      const length = Math.min(PIECE, size - at);
      const headers = { Range: `bytes=${at}-${at + length - 1}` };
      const bytes = await patiently(shown, path, () => ask(urlOf(base, path), headers, length));
      await new Promise<void>((done, fail) => output.write(bytes, (error) => (error ? fail(error) : done())));
    }
    output.end();
    await finished(output);
  } finally {
    output.destroy();
  }
}

/** A file that the server does not have, or not as it is asked for: asking again does not help. */
class Refusal extends Error {}

/** @throws {DataError} where the server has no such file  @throws {Unavailable} where it does not answer */
async function patiently<T>(shown: string, path: string, attempt: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Refusal) throw new DataError(`"${path}" at ${shown}: ${error.message}.`);
      if (tried === ATTEMPTS) throw new Unavailable(`"${path}" cannot be had from ${shown}: ${reason(causeOf(error))}`);
      await sleep(WAIT_MS * 2 ** (tried - 1));
    }
  }
}

/** fetch hides what happened. */
const causeOf = (error: unknown): unknown =>
  error instanceof TypeError && error.cause instanceof Error ? error.cause : error;

/** @param length - bytes that must come; whatever comes unless given */
async function ask(url: string, headers: Record<string, string>, length?: number): Promise<Uint8Array> {
  const { Authorization, plain } = credentials(url);
  const all = { ...headers, "Accept-Encoding": "identity", ...(Authorization && { Authorization }) };
  const response = await fetch(plain, { headers: all, signal: AbortSignal.timeout(SILENCE_MS) });
  if (!response.ok) {
    await response.body?.cancel();
    const message = `the server answers ${response.status}`;
    throw response.status >= 500 || response.status === 429 || response.status === 408
      ? new Error(message)
      : new Refusal(message);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  // A server that does not heed ranges sends all of it.
  if (length !== undefined && response.status === 200) {
    const [, from = "0"] = /bytes=(\d+)-/.exec(headers.Range ?? "") ?? [];
    return bytes.subarray(Number(from), Number(from) + length);
  }
  if (length !== undefined && bytes.length !== length)
    throw new Error(`${bytes.length} bytes came where ${length} were asked for`);
  return bytes;
}

const urlOf = (base: string, path: string): string =>
  `${base}/${checkedPath(path).split("/").map(encodeURIComponent).join("/")}`;

/** fetch takes no user and password in an address. */
function credentials(url: string): { readonly plain: string; readonly Authorization?: string } {
  const address = new URL(url);
  if (address.username === "") return { plain: url };
  const pair = `${decodeURIComponent(address.username)}:${decodeURIComponent(address.password)}`;
  address.username = "";
  address.password = "";
  return { plain: address.href, Authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

function withoutPassword(url: string): string {
  const address = new URL(url);
  address.password = "";
  address.username = "";
  return address.href.replace(/\/$/, "");
}
