import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { fixres, makePictures } from "./command.js";

/** Runs a command that is to be done. @returns what stdout and stderr said */
export async function done(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await fixres(args);
  expect(code, stderr).toBe(0);
  return { stdout, stderr };
}

export const SMALL = [
  ...["train", "efficientnet_b0", "--width", "0.25", "--depth", "0.25", "--resolution", "32", "--threads", "1"],
];

/**
 * Pictures of three classes, in `pictures/`, others without labels, in `unlabelled/`, of which twelve are the validation's too and one is
 * broken, and a model that was trained on the first, `teacher/model/`.
 */
export async function makeClassroom(directory: string): Promise<void> {
  const at = (...names: string[]): string => join(directory, ...names);
  await makePictures(at("pictures"), { classes: 3, train: 12, val: 4 });
  // What is drawn first is the same everywhere.
  await makePictures(at("others"), { classes: 3, train: 20, val: 1 });
  await mkdir(at("unlabelled", "below"), { recursive: true });
  for (const [c, name] of (await readdir(at("others", "train"))).entries())
    for (const file of await readdir(at("others", "train", name))) {
      const folder = at("unlabelled", ...(c === 0 ? ["below"] : []));
      await copyFile(at("others", "train", name, file), join(folder, `${name}-${file}`));
    }
  await writeFile(at("unlabelled", "broken.png"), "no picture");
  await done(
    ...[...SMALL, "--batch-size", "12", "--epochs", "8", "--learning-rate", "0.02", "--stat-decay", "0.5"],
    ...["--dropout", "0", "--drop-path", "0", "--data", at("pictures"), "--out", at("teacher")],
  );
}

/** What trains two students in that classroom, one after the other. */
export const students = (directory: string, out: string, ...more: string[]): string[] => [
  ...[...SMALL, "--recipe", "noisy-student", "--augment", "rand-m9-n2", "--average-decay", "0.5"],
  ...["--batch-size", "6", "--epochs", "2", "--learning-rate", "0.005", "--stat-decay", "0.5"],
  ...["--data", join(directory, "pictures"), "--unlabelled", join(directory, "unlabelled")],
  ...["--teacher", join(directory, "teacher", "model"), "--rounds", "2", "--threshold", "0.2"],
  ...["--on-bad-image", "skip", "--out", out, ...more],
];

/** Before a file's tests a classroom and students in `whole/`, which are gone after them. @returns the path of names in it */
export function withStudents(): (...names: string[]) => string {
  let directory: string;
  const at = (...names: string[]): string => join(directory, ...names);
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "fixres-student-"));
    await makeClassroom(directory);
    await done(...students(directory, at("whole")));
  }, 240_000);
  afterAll(() => rm(directory, { recursive: true, force: true }));
  return at;
}
