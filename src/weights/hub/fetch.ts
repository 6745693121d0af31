import { z } from "zod";
import { DataError, RequestError } from "../../errors.js";
import { type Progress, silent } from "../../progress.js";
import { type Cached, CONFIG, diskError, isCommit, RepositoryCache, WEIGHTS } from "./cache.js";
import { downloadBlob, type RemoteFile } from "./download.js";
import { type HubName, pinned } from "./name.js";
import { type Connection, patientFetch, TIMES, type Times } from "./request.js";
import type { HubSettings } from "./settings.js";

/** Weights of a repository, on this disk. */
export interface HubWeights {
  /** The weight file. */
  readonly path: string;
  /** The `config.json` of the same commit, where the repository has one. */
  readonly config: string | null;
  /** What it is for ever: repository, commit and file. */
  readonly origin: { readonly repo: string; readonly commit: string; readonly file: string };
}

export interface HubSurroundings {
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Repositories that a wrong name may have meant. */
  readonly known?: readonly string[];
  readonly times?: Times;
}

/** What the client hands on from the server, which it does not check. */
const Revision = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/), filePaths: z.array(z.string()) });
const Hash = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/);
const Size = z.number().int().nonnegative();
const Paths = z.array(
  z.object({
    path: z.string(),
    size: Size,
    oid: Hash,
    lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: Size }).optional(),
  }),
);

/**
 * Weights by their name on the hub, with the `config.json` beside them: from the cache that all clients of the hub share, else
 * fetched into it. Of a branch or tag the hub is asked which commit it is now; a full commit that is here needs no network.
 * @example const { path, config } = await fetchFromHub(hubName("hub:timm/tf_efficientnet_b0.ns_jft_in1k")!, await hubSettings());
 * @throws {RequestError} where repository or revision are unknown or closed to us, or offline not here
 * @throws {DataError} where the hub cannot be reached, or sends other than it announces
 */
export async function fetchFromHub(
  name: HubName,
  settings: HubSettings,
  { progress = silent, signal, known = [], times = TIMES }: HubSurroundings = {},
): Promise<HubWeights> {
  const cache = new RepositoryCache(settings.cache, name.repo);
  const found = ({ commit, file }: Cached, hasConfig: boolean): HubWeights => {
    const origin = { repo: name.repo, commit, file };
    progress.note(`${pinned(origin)} is in ${settings.cache}`);
    return { path: cache.pointer(commit, file), config: hasConfig ? cache.pointer(commit, CONFIG) : null, origin };
  };
  const here = settings.offline || isCommit(name.revision) ? await cache.find(name) : null;
  if (here !== null) {
    const hasConfig = await cache.has(here.commit, CONFIG);
    // Online a name gives the same file whatever has been fetched before, so second choices are no reason not to ask.
    if (settings.offline || (hasConfig && here.file === (name.file ?? WEIGHTS[0]))) return found(here, hasConfig);
  }
  if (settings.offline) throw notHere(name, settings);

  const connection = { settings, name, known, signal, times, note: progress.note };
  const { commit, files } = await revisionOf(connection);
  const file = chosen(name, files, settings.endpoint);
  const hasConfig = files.includes(CONFIG);
  const missing: string[] = [];
  for (const wanted of hasConfig ? [CONFIG, file] : [file]) {
    if (!(await cache.has(commit, wanted))) missing.push(wanted);
  }
  try {
    for (const remote of await announced(connection, commit, missing)) {
      const blob = cache.blob(remote.hash);
      await downloadBlob(connection, remote, blob, progress);
      await cache.link(blob, commit, remote.file);
    }
    // Last, so that a branch known offline always has its files.
    await cache.setRef(name.revision, commit);
  } catch (error) {
    throw diskError(error, settings.cache);
  }
  return found({ commit, file }, hasConfig);
}

function notHere({ repo, revision, file }: HubName, { cache }: HubSettings): RequestError {
  const which = file === null ? WEIGHTS.join(" or ") : `"${file}"`;
  return new RequestError(
    `${which} of "${repo}" at ${revision} is not in ${cache}, and this is offline; run the same command once without --offline and HF_HUB_OFFLINE.`,
  );
}

/** Loaded when it is needed: most commands never ask the hub. */
const client = () => import("@huggingface/hub");

/** The commit that a revision is now, and its files. */
async function revisionOf(connection: Connection): Promise<{ commit: string; files: readonly string[] }> {
  const { settings, name } = connection;
  const answer = await understood(settings, Revision, async () =>
    (await client()).modelInfo({
      name: name.repo,
      revision: name.revision,
      hubUrl: settings.endpoint,
      fetch: patientFetch(connection),
      additionalFields: ["sha", "filePaths"],
    }),
  );
  return { commit: answer.sha, files: answer.filePaths };
}

/** Size, hash and address of files. */
async function announced(
  connection: Connection,
  commit: string,
  files: readonly string[],
): Promise<readonly RemoteFile[]> {
  if (files.length === 0) return [];
  const { settings, name } = connection;
  const answer = await understood(settings, Paths, async () =>
    (await client()).pathsInfo({
      repo: { type: "model", name: name.repo },
      paths: [...files],
      revision: commit,
      hubUrl: settings.endpoint,
      fetch: patientFetch(connection),
    }),
  );
  return files.map((file) => {
    const info = answer.find(({ path }) => path === file);
    if (info === undefined)
      throw new DataError(`${settings.endpoint} lists ${file} of "${name.repo}", but knows no size.`);
    const path = file.split("/").map(encodeURIComponent).join("/");
    // Plain HTTP, which serves files of the newer storage (Xet) too.
    const url = `${settings.endpoint}/${name.repo}/resolve/${commit}/${path}`;
    return { file, url, size: info.lfs?.size ?? info.size, hash: info.lfs?.oid ?? info.oid };
  });
}

/** What the client makes of an answer, once it is what it should be. */
async function understood<T>(settings: HubSettings, schema: z.ZodType<T>, call: () => Promise<unknown>): Promise<T> {
  const strange = (what: string): DataError =>
    new DataError(`${settings.endpoint} does not answer as the hub does (${what}); check HF_ENDPOINT.`);
  const answer = await call().catch((error: unknown) => {
    // The client's own errors: no JSON, or of another form.
    throw error instanceof SyntaxError || error instanceof TypeError ? strange(printable(error.message)) : error;
  });
  const checked = schema.safeParse(answer);
  if (checked.success) return checked.data;
  const { path, message } = checked.error.issues[0]!;
  throw strange(`${path.map(String).join(".")}: ${message}`);
}

/** The weight file to take. @throws {DataError} listing what there is */
function chosen({ repo, file }: HubName, files: readonly string[], endpoint: string): string {
  const wanted = file === null ? WEIGHTS : [file];
  const first = wanted.find((name) => files.includes(name));
  if (first !== undefined) return first;
  const most = 12;
  const shown = files.slice(0, most).map(printable).join(", ") + (files.length > most ? ", ..." : "");
  const lacks = file === null ? `neither ${WEIGHTS.join(" nor ")}` : `no file "${file}"`;
  const other = file === null ? `; name one by hub:${repo}:FILE` : "";
  throw new DataError(`"${repo}" at ${endpoint} has ${lacks}; there is ${shown || "nothing"}${other}.`);
}

/** Text of a server on one line of a terminal. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}+/gu, " ").slice(0, 100);
