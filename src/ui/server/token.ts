import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { RequestError } from "../../errors.js";
import { makeFolder } from "../../files.js";

/** What the server keeps in the runs folder: its token, and the logs of the runs it started. Never listed, never served. */
export const OWN_FOLDER = ".fixres-ui";

/**
 * The token of a runs folder: 256 random bits, kept in a file that its owner alone may read, so that a page that is open goes on
 * where the server is started again.
 * @throws {RequestError} where the file is a link, or others may read it, or it holds something else
 */
export async function tokenOf(root: string): Promise<string> {
  const folder = join(root, OWN_FOLDER);
  await makeFolder(folder);
  const path = join(folder, "token");
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;
  try {
    const file = await open(path, O_CREAT | O_EXCL | O_WRONLY, 0o600);
    const token = randomBytes(32).toString("hex");
    await file.writeFile(token);
    await file.close();
    return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const file = await open(path, O_RDONLY | (O_NOFOLLOW ?? 0)).catch(() => {
    throw new RequestError(`"${path}" cannot be opened, or is a link; remove it, and a new token is made.`);
  });
  try {
    // Windows has no such bits.
    const shared = process.platform !== "win32" && ((await file.stat()).mode & 0o077) !== 0;
    const token = (await file.readFile("utf8")).trim();
    if (shared) throw new RequestError(`"${path}" may be read by others; remove it, and a new token is made.`);
    if (!/^[0-9a-f]{64}$/.test(token))
      throw new RequestError(`"${path}" holds no token; remove it, and a new one is made.`);
    return token;
  } finally {
    await file.close();
  }
}

/** What the browser keeps in place of the token, from which the token cannot be found. */
export const cookieOf = (token: string): string => createHmac("sha256", token).update("fixres-ui cookie").digest("hex");

/** Whether two secrets are equal, in a time that tells nothing of where they differ. */
export function sameSecret(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}
