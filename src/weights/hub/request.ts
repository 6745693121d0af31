import { setTimeout as sleep } from "node:timers/promises";
import { DataError, RequestError } from "../../errors.js";
import { duration } from "../../format.js";
import type { HubName } from "./name.js";
import { nearNames } from "./near.js";
import type { HubSettings } from "./settings.js";

/** A way to the hub for one name. */
export interface Connection {
  readonly settings: HubSettings;
  readonly name: HubName;
  /** Repositories that a wrong name may have meant. */
  readonly known: readonly string[];
  readonly signal: AbortSignal | undefined;
  /** Is told of every wait. */
  readonly note: (text: string) => void;
  readonly times: Times;
}

/** How long is waited for what. */
export interface Times {
  /** Without a byte, after which a connection counts as dead. */
  readonly silenceMs: number;
  /** Before a second attempt; twice as long before each further one. */
  readonly waitMs: number;
}

export const TIMES: Times = { silenceMs: 30_000, waitMs: 1000 };

/** In a row without anything gained. */
const ATTEMPTS = 5;

/** The longest wait that a server may ask for. */
const LONGEST_WAIT_MS = 60_000;

/** Bytes of an answer that is no file. */
const ANSWER_BYTES = 16e6;

/** Codes of connections that were there and broke; with any other there was none. */
const BROKEN = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);

/** A failure that may pass. */
export class TransientError extends Error {
  constructor(
    message: string,
    /** `unreachable`: the server was not even found. `waitMs`: what the server asks for. */
    readonly more: { readonly unreachable?: boolean; readonly waitMs?: number } = {},
  ) {
    super(message);
  }
}

/** An answer's content as it comes. */
export type Chunks = AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;

/**
 * Asks once, follows redirects, and hands over an answer that says yes. The token goes to the endpoint only.
 * @throws {TransientError} where asking again may help
 * @throws {RequestError | DataError} where the server refuses
 */
export async function ask<T>(
  connection: Connection,
  url: string,
  init: RequestInit,
  use: (response: Response, chunks: Chunks) => Promise<T>,
): Promise<T> {
  const { settings, signal, times } = connection;
  const watchdog = new AbortController();
  const silent = new TransientError(`nothing came from ${settings.endpoint} for ${duration(times.silenceMs / 1000)}`);
  const timer = setTimeout(() => watchdog.abort(silent), times.silenceMs);
  const headers = new Headers(init.headers);
  headers.set("User-Agent", "fixres");
  // Bytes are counted and asked for by their place, so they must be the file's own.
  headers.set("Accept-Encoding", "identity");
  // fetch takes it off where a redirect leads to another host, such as that of the files.
  if (settings.token !== undefined) headers.set("Authorization", `Bearer ${settings.token}`);
  try {
    const either = signal === undefined ? watchdog.signal : AbortSignal.any([signal, watchdog.signal]);
    const response = await fetch(url, { ...init, headers, signal: either });
    if (!response.ok) throw refusal(connection, response);
    return await use(
      response,
      chunksOf(response, () => timer.refresh()),
    );
  } catch (error) {
    signal?.throwIfAborted();
    throw watchdog.signal.aborted ? silent : connectionError(settings.endpoint, error);
  } finally {
    clearTimeout(timer);
    // Closes the connection where the answer was not read to its end.
    watchdog.abort();
  }
}

async function* chunksOf(response: Response, arrived: () => void): Chunks {
  if (response.body === null) return;
  for await (const chunk of response.body) {
    arrived();
    yield chunk as Uint8Array<ArrayBuffer>;
  }
}

/** An error of fetch in our terms; anything else as it is. */
function connectionError(endpoint: string, error: unknown): unknown {
  if (!(error instanceof TypeError && error.cause instanceof Error)) return error;
  const { cause } = error;
  const code = "code" in cause ? String(cause.code) : "";
  const reason = cause.message || code;
  return BROKEN.has(code) || error.message === "terminated"
    ? new TransientError(`the connection to ${endpoint} broke (${reason})`)
    : new TransientError(`${endpoint} cannot be reached (${reason})`, { unreachable: true });
}

/**
 * Asks again where a failure may pass, with longer and longer waits, each of which is said aloud.
 * @param gained - rises with what has been got; attempts are counted anew whenever it has
 * @param persistent - asks again, too, where the server cannot even be found
 * @throws {DataError} where it does not pass
 */
export async function patiently<T>(
  { settings, signal, note, times }: Connection,
  attempt: () => Promise<T>,
  { gained = () => 0, persistent = false }: { readonly gained?: () => number; readonly persistent?: boolean } = {},
): Promise<T> {
  let [failures, before] = [0, gained()];
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      const { message, more } = error;
      failures = gained() > before ? 1 : failures + 1;
      before = gained();
      if (more.unreachable && (failures === ATTEMPTS || !persistent))
        throw new DataError(
          `${message}. Check the network, or set HF_ENDPOINT to a mirror; --offline takes what ${settings.cache} holds.`,
        );
      if (failures === ATTEMPTS)
        throw new DataError(
          `${message}, ${ATTEMPTS} times; run the same command again later, and it goes on from here.`,
        );
      const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(more.waitMs ?? 0, times.waitMs * 2 ** (failures - 1)));
      note(`${message}; attempt ${failures + 1} of ${ATTEMPTS} in ${duration(waitMs / 1000)}`);
      await sleep(waitMs, undefined, { signal }).catch((stop: unknown) => {
        signal?.throwIfAborted();
        throw stop;
      });
    }
  }
}

/** For the hub's client: asks patiently, and keeps an answer in bounds. */
export function patientFetch(connection: Connection): typeof fetch {
  return (url, init = {}) =>
    patiently(connection, () =>
      ask(connection, String(url), init, async (response, chunks) => {
        const pieces: Uint8Array<ArrayBuffer>[] = [];
        let bytes = 0;
        for await (const piece of chunks) {
          pieces.push(piece);
          bytes += piece.length;
          if (bytes > ANSWER_BYTES)
            throw new DataError(`${connection.settings.endpoint} answers without end; check HF_ENDPOINT.`);
        }
        return new Response(new Blob(pieces), { status: response.status, headers: response.headers });
      }),
    );
}

/** A refusal in our terms. The hub tells what is missing in a header, and calls what it hides "not found" or 401. */
function refusal({ settings, name, known }: Connection, { status, headers, url }: Response): Error {
  const { endpoint, token } = settings;
  const { repo, revision } = name;
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = Number(headers.get("Retry-After"));
    return new TransientError(`${endpoint} answers ${status}`, { waitMs: seconds > 0 ? seconds * 1000 : 0 });
  }
  // Its address is signed, and not shown.
  if (new URL(url).origin !== new URL(endpoint).origin)
    return new DataError(`the host of the files of "${repo}" answers ${status}; run the same command again later.`);
  const code = headers.get("X-Error-Code");
  if (code === "RevisionNotFound")
    return new RequestError(`"${repo}" has no revision "${revision}"; give a branch, a tag or a commit behind the @.`);
  if (code === "EntryNotFound" || status === 416)
    return new DataError(`"${repo}" lacks at ${endpoint} what it lists; run the same command again later.`);
  const account = token === undefined ? "set HF_TOKEN to a token of yours" : "HF_TOKEN's account must have access";
  if (code === "GatedRepo" || status === 403)
    return new RequestError(`"${repo}" is gated; accept its terms at ${endpoint}/${repo}, and ${account}.`);
  if (status === 401 || status === 404) {
    const near = nearNames(repo, known);
    const meant = near.length === 0 ? "" : ` Did you mean ${near.map((other) => `hub:${other}`).join(" or ")}?`;
    if (status === 401 && token !== undefined)
      return new RequestError(`HF_TOKEN is not valid at ${endpoint}, or there is no "${repo}" for it.${meant}`);
    return new RequestError(`${endpoint} has no repository "${repo}".${meant} If it is private, ${account}.`);
  }
  return new DataError(`${endpoint} answers ${status} for "${repo}"; check HF_ENDPOINT.`);
}
