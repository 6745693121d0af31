import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { commandForm } from "../../src/cli/command-forms.js";
import { evalCommand } from "../../src/cli/eval.js";
import { trainCommand } from "../../src/cli/train.js";
import { tuneCommand } from "../../src/cli/tune.js";
import { type RunningUi, serveUi } from "../../src/ui/index.js";
import { fixres, makePictures } from "../command.js";

const dist = (path: string): string => fileURLToPath(new URL(`../../dist/${path}`, import.meta.url));

/** A folder with pictures, a model and an evaluation, made by the command itself. */
export async function makeRuns(): Promise<{
  readonly folder: string;
  readonly runs: string;
  readonly pictures: string;
}> {
  const folder = await mkdtemp(join(tmpdir(), "fixres-ui-test-"));
  const [runs, pictures] = [join(folder, "runs"), join(folder, "pictures")];
  await mkdir(runs);
  await makePictures(pictures, { classes: 3, train: 4, val: 5 });
  for (const argv of [
    ["init", "efficientnet_b0", "--classes", "3", "--seed", "1", "--out", join(runs, "model")],
    ["eval", join(runs, "model"), "--data", pictures, "--resolution", "32", "--out", join(runs, "eval")],
  ]) {
    const { code, stderr } = await fixres(argv);
    if (code !== 0) throw new Error(stderr);
  }
  return { folder, runs, pictures };
}

export const openUi = (runs: string, port = 0): Promise<RunningUi> =>
  serveUi({
    ...{ root: runs, port, main: dist("cli/main.js"), site: dist("ui/page") },
    commands: [commandForm(trainCommand, "out"), commandForm(tuneCommand, "out"), commandForm(evalCommand, "out")],
  });

export const removed = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 5 });

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  json<T = Record<string, unknown>>(): T;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A request with exactly this path and these headers, which `fetch` would mend. */
export function ask(origin: string, path: string, { method = "GET", headers = {}, body }: Asked = {}): Promise<Answer> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path, method, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () => {
        const all = Buffer.concat(pieces);
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: all,
          json: <T>() => JSON.parse(all.toString()) as T,
        });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** The cookie that the address with the token leaves. */
export async function cookieFor({ origin, token }: Pick<RunningUi, "origin" | "token">): Promise<string> {
  const { headers } = await ask(origin, `/?token=${token}`);
  return headers["set-cookie"]![0]!.split(";")[0]!;
}
