import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { glob } from "tinyglobby";
import { RequestError } from "../../errors.js";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

export interface SiteFile {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether its name changes with its content. */
  readonly lasting: boolean;
}

/**
 * The built page, all in memory, by path: what a client asks for is looked up there and never becomes a path.
 * @throws {RequestError} where it has not been built
 */
export async function readSite(folder: string): Promise<ReadonlyMap<string, SiteFile>> {
  const names = await glob("**/*", { cwd: folder });
  if (!names.includes("index.html")) throw new RequestError(`the page is not built in "${folder}"; run npm run build.`);
  const files = await Promise.all(
    names.map(async (name): Promise<[string, SiteFile]> => {
      const type = TYPES[extname(name)] ?? "application/octet-stream";
      return [
        `/${name}`,
        { type, bytes: new Uint8Array(await readFile(join(folder, name))), lasting: name.startsWith("assets/") },
      ];
    }),
  );
  return new Map(files);
}
