import { randomBytes } from "node:crypto";
import { copyFile, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { RequestError } from "../../errors.js";
import { folderMade } from "../../files.js";
import type { HubName } from "./name.js";

/** Weight files by preference: the first holds nothing but numbers. */
export const WEIGHTS = ["model.safetensors", "pytorch_model.bin"];

/** What timm's models say of themselves. */
export const CONFIG = "config.json";

/** Files of one commit on this disk. */
export interface Cached {
  readonly commit: string;
  /** The weight file's path in the repository. */
  readonly file: string;
}

const COMMIT = /^[0-9a-f]{40}$/;

/** Whether a revision is a full commit, whose files never change. */
export const isCommit = (revision: string): boolean => COMMIT.test(revision);

/**
 * A repository's place in the cache of the hub's clients: `refs/<revision>` holds a commit, `snapshots/<commit>/<file>` is a
 * link to `blobs/<hash>`. https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
export class RepositoryCache {
  private readonly folder: string;

  constructor(cache: string, repo: string) {
    this.folder = join(cache, `models--${repo.replaceAll("/", "--")}`);
  }

  /** Where a file of a commit is or will be. */
  pointer(commit: string, file: string): string {
    return join(this.folder, "snapshots", commit, ...file.split("/"));
  }

  /** Where content is or will be. @param hash - its hash, in hexadecimal */
  blob(hash: string): string {
    return join(this.folder, "blobs", hash);
  }

  /** Whether a file of a commit is here. */
  async has(commit: string, file: string): Promise<boolean> {
    return (await sizeOf(this.pointer(commit, file))) !== null;
  }

  /** The commit and weight file that a name stands for, by what is here alone; null where it is not. */
  async find({ revision, file }: HubName): Promise<Cached | null> {
    const commit = isCommit(revision) ? revision : await this.ref(revision);
    if (commit === null) return null;
    for (const candidate of file === null ? WEIGHTS : [file]) {
      if (await this.has(commit, candidate)) return { commit, file: candidate };
    }
    return null;
  }

  private async ref(revision: string): Promise<string | null> {
    const text = await readFile(join(this.folder, "refs", ...revision.split("/")), "utf8").catch(() => "");
    return isCommit(text.trim()) ? text.trim() : null;
  }

  /** Notes which commit a branch or tag stands for. */
  async setRef(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || (await this.ref(revision)) === commit) return;
    await replace(join(this.folder, "refs", ...revision.split("/")), (aside) => writeFile(aside, commit));
  }

  /** Makes content appear as a file of a commit. */
  async link(blob: string, commit: string, file: string): Promise<void> {
    const pointer = this.pointer(commit, file);
    await replace(pointer, (aside) =>
      // Windows allows links to developers only; there the file is copied, as other clients do.
      symlink(relative(dirname(pointer), blob), aside).catch(() => copyFile(blob, aside)),
    );
  }
}

/** A file's size, following links; null where there is none. */
export const sizeOf = (path: string): Promise<number | null> =>
  stat(path).then(
    ({ size }) => size,
    () => null,
  );

/** Makes a file under a name of its own and renames it into place, so that processes at the same work do not meet. */
async function replace(path: string, make: (aside: string) => Promise<void>): Promise<void> {
  await folderMade(dirname(path));
  const aside = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    await make(aside);
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

/** What keeps the cache from being written, in our terms; any other error as it is. */
export function diskError(error: unknown, folder: string): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return new RequestError(
        `the disk of the cache "${folder}" is full (${code}); free some space and run the same command again, which goes on from here, or set HF_HUB_CACHE to another place.`,
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ENOTDIR":
    case "ENOENT":
    case "EEXIST":
      return new RequestError(
        `the cache "${folder}" cannot be written to (${code}); set HF_HUB_CACHE to another place.`,
      );
    default:
      return error;
  }
}
