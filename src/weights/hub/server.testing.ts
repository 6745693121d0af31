import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A repository of the test's hub: one commit, which its branches stand for. */
export interface TestRepo {
  readonly commit: string;
  readonly branches: readonly string[];
  /** Contents; those of `lfs` lie on another host, as the hub's large files do. */
  readonly files: Readonly<Record<string, { readonly content: Uint8Array; readonly lfs: boolean }>>;
}

/** A request as it came. */
export interface Seen {
  readonly host: "hub" | "files";
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export interface TestHub {
  readonly endpoint: string;
  readonly repos: Map<string, TestRepo>;
  /** All requests since the last `seen.length = 0`. */
  readonly seen: Seen[];
  /** Answers in the hub's stead where it gives true. */
  instead: (seen: Seen, request: IncomingMessage, response: ServerResponse) => boolean;
  /** What the large file's host does after so many bytes of one answer: it breaks the connection, or falls silent. */
  fault: { readonly after: number; readonly what: "break" | "silence" } | null;
  close(): Promise<void>;
}

const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");
const gitHash = (content: Uint8Array): string =>
  createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");

/** The name of a file's content in the cache. */
export const hashOf = ({ content, lfs }: TestRepo["files"][string]): string =>
  lfs ? sha256(content) : gitHash(content);

/**
 * A hub on this machine, with the endpoints that its clients use to read: `api/models/.../revision`, `paths-info`, `resolve`
 * with the headers of commit, hash and size, and redirects: of small files to a path of the hub, of large ones to another host.
 */
export async function startHub(): Promise<TestHub> {
  const handlers = { hub: onHub, files: onFiles };
  const servers = await Promise.all((["hub", "files"] as const).map((host) => listen(host)));
  const [endpoint, filesHost] = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const hub: TestHub = {
    endpoint: endpoint!,
    repos: new Map(),
    seen: [],
    instead: () => false,
    fault: null,
    async close() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  return hub;

  function listen(host: "hub" | "files"): Promise<Server> {
    const server = createServer((request, response) => {
      const { method = "", url = "", headers } = request;
      const seen = { host, method, path: url, range: headers.range, authorization: headers.authorization };
      hub.seen.push(seen);
      if (!hub.instead(seen, request, response)) handlers[host](request, response, new URL(url, "http://hub").pathname);
    });
    return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
  }

  function onHub(request: IncomingMessage, response: ServerResponse, path: string): void {
    const [, api, name, what, revision = "", file = ""] =
      /^\/(api\/models\/|api\/resolve-cache\/|)([^/]+\/[^/]+)\/(revision|paths-info|resolve)\/([^/]+)(?:\/(.*))?$/.exec(
        path,
      ) ?? [];
    const repo = hub.repos.get(name ?? "");
    const asked = decodeURIComponent(revision);
    if (repo === undefined) refuse(response, 401, "RepoNotFound", "Invalid username or password.");
    else if (asked !== repo.commit && !repo.branches.includes(asked))
      refuse(response, 404, "RevisionNotFound", `Invalid rev id: ${asked}`);
    else if (what === "revision") json(response, model(name!, repo));
    else if (what === "paths-info") void pathsInfo(repo, request, response);
    else resolveFile(repo, decodeURIComponent(file), api === "" ? `/api/resolve-cache${path}` : null);

    /** @param redirect - where a small file is, if not here */
    function resolveFile({ commit, files }: TestRepo, file: string, redirect: string | null): void {
      const found = files[file];
      response.setHeader("X-Repo-Commit", commit);
      if (found === undefined) refuse(response, 404, "EntryNotFound", "Entry not found");
      else if (found.lfs) {
        response.setHeader("X-Linked-Etag", `"${hashOf(found)}"`);
        response.setHeader("X-Linked-Size", found.content.length);
        response.writeHead(302, { Location: `${filesHost}/${hashOf(found)}?signature=secret` }).end();
      } else if (redirect !== null) response.writeHead(307, { Location: redirect }).end();
      else content(request, response, found.content, hashOf(found));
    }
  }

  function onFiles(request: IncomingMessage, response: ServerResponse, path: string): void {
    const all = [...hub.repos.values()].flatMap(({ files }) => Object.values(files));
    const found = all.find((entry) => path === `/${hashOf(entry)}`);
    if (found === undefined) refuse(response, 403, "AccessDenied", "no such object");
    else content(request, response, found.content, hashOf(found));
  }

  function content(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array, hash: string): void {
    const [, start] = /^bytes=(\d+)-/.exec(request.headers.range ?? "") ?? [];
    const from = Number(start ?? 0);
    response.setHeader("ETag", `"${hash}"`);
    response.setHeader("Content-Length", bytes.length - from);
    if (start !== undefined) response.setHeader("Content-Range", `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
    response.writeHead(start === undefined ? 200 : 206);
    const { fault } = hub;
    if (request.method === "HEAD") response.end();
    else if (fault === null || fault.after >= bytes.length - from) response.end(bytes.subarray(from));
    else {
      response.write(bytes.subarray(from, from + fault.after), () => {
        if (fault.what === "break") setTimeout(() => response.destroy(), 20);
      });
    }
  }
}

function model(id: string, { commit, files }: TestRepo): unknown {
  const siblings = Object.keys(files).map((rfilename) => ({ rfilename }));
  return { _id: "0", id, sha: commit, siblings, private: false, gated: false, downloads: 1, likes: 1, lastModified: 0 };
}

async function pathsInfo(repo: TestRepo, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const { paths } = JSON.parse(body) as { paths: string[] };
  const entries = paths.flatMap((path) => {
    const file = repo.files[path];
    if (file === undefined) return [];
    const size = file.content.length;
    // Of a large file Git has a pointer, whose hash stands beside that of the content.
    const lfs = file.lfs ? { lfs: { oid: hashOf(file), size, pointerSize: 134 }, xetHash: "f".repeat(64) } : {};
    return [{ type: "file", path, size, oid: gitHash(file.content), ...lfs }];
  });
  json(response, entries);
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, code: string, error: string): void {
  response.setHeader("X-Error-Code", code);
  response.statusCode = status;
  json(response, { error });
}
