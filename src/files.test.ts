import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { DataError, FailedError, RequestError } from "./errors.js";
import { makeFolder, openFile, readJson, writeFileAtomic } from "./files.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-files-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** The error that a promise ends in. */
const failure = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => {
      throw new Error("it did not fail");
    },
    (error: Error) => error,
  );

describe("writeFileAtomic", () => {
  it("writes text, bytes and pieces, replaces what was there, and leaves nothing else", async () => {
    const path = join(folder, "a.bin");
    await writeFileAtomic(path, "grüß");
    expect(await readFile(path, "utf8")).toBe("grüß");
    await writeFileAtomic(path, Uint8Array.of(1, 2, 3));
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    await writeFileAtomic(path, [Uint8Array.of(4), new Uint8Array(0), Uint8Array.of(5, 6)]);
    expect([...(await readFile(path))]).toEqual([4, 5, 6]);
    expect(await readdir(folder)).toEqual(["a.bin"]);
  });

  it("replaces what a killed process left aside", async () => {
    await writeFile(join(folder, ".a.json.tmp"), "half of someth");
    await writeFileAtomic(join(folder, "a.json"), "{}");
    expect(await readdir(folder)).toEqual(["a.json"]);
    expect(await readFile(join(folder, "a.json"), "utf8")).toBe("{}");
  });

  it("gives one whole content where several write at once", async () => {
    const path = join(folder, "a");
    const contents = ["x", "y", "z"].map((letter) => letter.repeat(1_000_000));
    const results = await Promise.allSettled(contents.map((content) => writeFileAtomic(path, content)));
    const errors = results.flatMap((result) => (result.status === "rejected" ? [result.reason as Error] : []));
    expect(errors.length).toBeLessThan(contents.length);
    for (const error of errors) expect(error).toBeInstanceOf(FailedError);
    expect(contents).toContain(await readFile(path, "utf8"));
    expect(await readdir(folder)).toEqual(["a"]);
  });

  it("says what is wrong with the place, and leaves nothing there", async () => {
    const missing = await failure(writeFileAtomic(join(folder, "no", "a.json"), "{}"));
    expect(missing).toBeInstanceOf(RequestError);
    expect(missing.message).toBe(
      `cannot write "${join(folder, "no", "a.json")}": the folder "${join(folder, "no")}" does not exist; make it first.`,
    );
    await mkdir(join(folder, "b"));
    const taken = await failure(writeFileAtomic(join(folder, "b"), "{}"));
    expect(taken).toBeInstanceOf(RequestError);
    expect(taken.message).toMatch(/a folder is there; give the name of a file\.$/);
    expect(await readdir(folder)).toEqual(["b"]);
  });

  // A limit on the size of files stands in for a full disk, whose making takes privileges.
  it.skipIf(process.platform === "win32")("says so where the disk is full, and keeps what was there", async () => {
    const path = join(folder, "a.bin");
    await writeFileAtomic(path, "old");
    const files = new URL("./files.ts", import.meta.url).href;
    const script = `import(${JSON.stringify(files)})
      .then(({ writeFileAtomic }) => writeFileAtomic(${JSON.stringify(path)}, new Uint8Array(3e6)))
      .catch(({ name, message }) => console.log(JSON.stringify({ name, message })));`;
    // 2048 blocks are 1 or 2 MB, as the shell counts them.
    const limited = ["-c", 'ulimit -f 2048; exec "$0" --import tsx -e "$1"', process.execPath, script];
    const { stdout } = await promisify(execFile)("sh", limited);
    expect(JSON.parse(stdout)).toEqual({
      name: "FailedError",
      message: `cannot write "${path}": 3.0 MB do not fit on the disk (EFBIG). What was there before is unchanged; free some space and run the same command again.`,
    });
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["a.bin"]);
  });
});

describe("readJson", () => {
  const Spec = z.object({ name: z.string(), input: z.object({ sizes: z.array(z.number().positive()) }) });
  const read = async (text: string): Promise<unknown> => {
    await writeFile(join(folder, "m.json"), text);
    return readJson(join(folder, "m.json"), Spec, "model");
  };

  it("reads what fits, also behind a byte order mark", async () => {
    expect(await read('\uFEFF{"name":"b0","input":{"sizes":[224]}}')).toEqual({ name: "b0", input: { sizes: [224] } });
  });

  it.each([
    ['{"name":', /^model ".*m\.json" is not JSON: [^\n]+\.$/],
    ["[]", /: its content is \[\]; expected object, received array\.$/],
    ['{"name":"b0"}', /: input is missing; expected object, received undefined\.$/],
    ['{"name":"b0","input":{"sizes":[224,-3]}}', /: input\.sizes\[1\] is -3; Too small: expected number to be >0\.$/],
    [`{"name":"b0","input":"${"x".repeat(500)}"}`, /: input is "x{76}\.\.\.; expected object, received string\.$/],
  ])("says where %s is wrong", async (text, message) => {
    const error = await failure(read(text));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("\n");
  });

  it("says where a file is missing or a folder", async () => {
    const missing = await failure(readJson(join(folder, "no.json"), Spec, "model"));
    expect(missing).toBeInstanceOf(DataError);
    expect(missing.message).toBe(`model "${join(folder, "no.json")}" does not exist; check the path.`);
    const taken = await failure(readJson(folder, Spec, "model"));
    expect(taken).toBeInstanceOf(DataError);
    expect(taken.message).toBe(`model "${folder}" is a folder; give a file.`);
  });
});

it("openFile refuses folders and missing files by name", async () => {
  expect((await failure(openFile(folder, "weights"))).message).toBe(`weights "${folder}" is a folder; give a file.`);
  expect(await failure(openFile(join(folder, "no"), "weights"))).toBeInstanceOf(DataError);
});

it("makeFolder makes those above it too, and says in one line why it cannot", async () => {
  await makeFolder(join(folder, "a", "b"));
  await makeFolder(join(folder, "a", "b"));
  expect(await readdir(join(folder, "a"))).toEqual(["b"]);
  await writeFile(join(folder, "file"), "");
  // Node's own way never ends here.
  if (process.platform === "linux") await expect(makeFolder("/proc/nothing/here")).rejects.toThrow(RequestError);
  const making = makeFolder(join(folder, "file", "c"));
  await expect(making).rejects.toThrow(RequestError);
  await expect(making).rejects.toThrow(/^cannot make the folder ".*c": not a directory; give another place\.$/);
});
