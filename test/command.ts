import { spawn } from "node:child_process";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Circumstances {
  /** Ends it by SIGKILL once stderr holds this text. */
  readonly kill?: string;
  /** Ends it by SIGKILL after so many milliseconds. */
  readonly killAfter?: number;
  /** Variables beside those of this process; undefined ones are taken away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Runs the `fixres` command as a user does. */
export function fixres(args: readonly string[], { kill, killAfter, env }: Circumstances = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfter);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      if (kill !== undefined && stderr.includes(kill)) child.kill("SIGKILL");
    });
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}

/** Every file of a run, by its path from there. */
export async function filesOf(run: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(run, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = names.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return new Map(await Promise.all(paths.map(async (path) => [path.slice(run.length), await readFile(path)] as const)));
}

const COLOURS = ["#c0392b", "#27ae60", "#2980b9", "#f1c40f", "#8e44ad"];

/**
 * A small data set of colour pictures: class i is a disc or a square of its own colour on a grey ground, at a place and
 * size that differ from picture to picture.
 */
export async function makePictures(
  directory: string,
  { classes, train, val }: { classes: number; train: number; val: number },
): Promise<void> {
  for (const [split, count] of [
    ["train", train],
    ["val", val],
  ] as const) {
    for (let c = 0; c < classes; c++) {
      const folder = join(directory, split, `class-${String(c).padStart(4, "0")}`);
      await mkdir(folder, { recursive: true });
      for (let i = 0; i < count; i++) {
        const [width, height] = [40 + ((i * 7 + c) % 30), 40 + ((i * 11 + c * 3) % 30)];
        const [x, y, r] = [width * (0.4 + (i % 3) * 0.1), height * (0.6 - (i % 2) * 0.2), 8 + (i % 5)];
        const fill = COLOURS[c % COLOURS.length];
        const shape =
          c < COLOURS.length
            ? `<circle cx="${x}" cy="${y}" r="${r}" fill="${fill}"/>`
            : `<rect x="${x - r}" y="${y - r}" width="${2 * r}" height="${2 * r}" fill="${fill}"/>`;
        const ground = `<rect width="${width}" height="${height}" fill="#${((i * 5) % 10) + 4}${i % 10}${(i * 3) % 10}"/>`;
        const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${ground}${shape}</svg>`;
        const extension = ["jpg", "png", "webp"][i % 3]!;
        await sharp(Buffer.from(svg)).toFile(join(folder, `${i}.${extension}`));
      }
    }
  }
}
