import { spawn } from "node:child_process";
import { FailedError, RequestError } from "../../errors.js";

/** Most bytes of an answer. */
const MOST = 32 * 2 ** 20;

/**
 * Runs a `fixres` command to its end and gives what it prints under `--json`. A process of its own, so that neither the engine nor a
 * million rows are in the server's memory, and one that fails takes nothing with it.
 * @param main - the command's script  @param seconds - that it may take
 * @throws {RequestError} where the command refuses what it is asked  @throws {FailedError} where it fails, or takes too long
 */
export function compute(main: string, argv: readonly string[], seconds: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, seconds * 1000);
    const pieces: Buffer[] = [];
    let [size, said] = [0, ""];
    child.stdout.on("data", (piece: Buffer) => {
      size += piece.length;
      if (size > MOST) child.kill("SIGKILL");
      else pieces.push(piece);
    });
    child.stderr.on("data", (piece: Buffer) => {
      said = (said + piece.toString()).slice(-4000);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      const last =
        said
          .trim()
          .split("\n")
          .at(-1)
          ?.replace(/^fixres: /, "") ?? "";
      if (late) reject(new FailedError(`it took more than ${seconds} s and was ended.`));
      else if (size > MOST) reject(new FailedError("its answer is too large."));
      else if (code === 2) reject(new RequestError(last));
      else if (code !== 0) reject(new FailedError(last || `it ended with ${code}.`));
      else {
        try {
          resolve(JSON.parse(Buffer.concat(pieces).toString()));
        } catch {
          reject(new FailedError("its answer is no JSON."));
        }
      }
    });
  });
}

/** One after the other; refuses where too many wait. */
export function inTurn(most: number) {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting >= most) throw new BusyError(`${waiting} requests of this kind are waiting; try again in a while.`);
    waiting++;
    const turn = last.then(work).finally(() => {
      waiting--;
    });
    last = turn.catch(() => {});
    return turn;
  };
}

/** Where too much is asked at a time. */
export class BusyError extends Error {}
