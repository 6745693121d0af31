import { stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { DataError } from "../../errors.js";
import { openFile } from "../../files.js";

/** What a checkpoint's files are called behind its prefix; the graph in `.meta` is not needed. */
const SUFFIX = /\.(index|meta|data-\d{5}-of-\d{5})$/;

/** The file that names the last checkpoint of a folder, and how much of it is read. */
const STATE = "checkpoint";
const STATE_BYTES = 2 ** 16;

/**
 * The prefix of TensorFlow's checkpoint that a path means: the prefix itself, one of the checkpoint's files, the text file
 * `checkpoint`, or the folder that holds it. Null where the path means something else.
 * @throws {DataError} for a folder without such a file, or one that names a checkpoint elsewhere
 */
export async function tensorflowPrefix(path: string): Promise<string | null> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) return lastOf(path, await stateOf(join(path, STATE)));
  const prefix = path.replace(SUFFIX, "");
  const whole = (await stat(`${prefix}.index`).catch(() => null)) !== null;
  if (path.endsWith(".index") || (whole && (found === null || prefix !== path))) return prefix;
  if (found !== null && prefix !== path && !path.endsWith(".meta"))
    throw new DataError(`"${path}" is a part of a checkpoint whose "${prefix}.index" is missing; fetch that too.`);
  if (found === null || basename(path) !== STATE) return null;
  const state = await stateOf(path);
  return NAMED.test(state ?? "") ? lastOf(dirname(path), state) : null;
}

const NAMED = /^\s*model_checkpoint_path\s*:\s*"((?:[^"\\\n]|\\.)*)"/m;

/** The beginning of a text file, or null where there is none. */
async function stateOf(path: string): Promise<string | null> {
  if ((await stat(path).catch(() => null)) === null) return null;
  const file = await openFile(path, "weight file");
  try {
    const bytes = Buffer.alloc(STATE_BYTES);
    const { bytesRead } = await file.read(bytes, 0, STATE_BYTES, 0);
    return bytes.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

function lastOf(folder: string, state: string | null): string {
  const mend = `give the prefix of a checkpoint, such as ${join(folder, "model.ckpt")}`;
  if (state === null)
    throw new DataError(`"${folder}" is a folder without a file "${STATE}"; ${mend}, or a weight file.`);
  const quoted = NAMED.exec(state)?.[1];
  if (quoted === undefined) throw new DataError(`"${join(folder, STATE)}" names no model_checkpoint_path; ${mend}.`);
  const named = unescaped(quoted);
  const prefix = resolve(folder, named);
  const within = relative(resolve(folder), prefix);
  if (/\p{Cc}/u.test(named) || within === "" || within === ".." || /^\.\.[/\\]/.test(within) || isAbsolute(within))
    throw new DataError(
      `"${join(folder, STATE)}" names ${JSON.stringify(named.slice(0, 200))}, which is not within its folder; ${mend}.`,
    );
  return join(folder, within);
}

/** A text of a protocol buffer's text form, whose bytes above 127 are written as \ooo. */
function unescaped(quoted: string): string {
  const bytes = Buffer.from(quoted).toString("latin1");
  const plain = bytes.replace(/\\([0-7]{1,3}|.)/g, (_, what: string) =>
    /\d/.test(what) ? String.fromCharCode(Number.parseInt(what, 8) & 0xff) : what,
  );
  return Buffer.from(plain, "latin1").toString();
}
