import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openFolder, type Source } from "../../data/index.js";
import { DataError, RequestError } from "../../errors.js";
import { architecture, freshModel, type Model } from "../../models/index.js";
import { random } from "../../random.js";
import { type EvaluateOptions, evaluate } from "../evaluate.js";
import { testPreprocessing } from "../preprocessing.js";
import { readRows, writeRows } from "./parquet.js";
import { evaluateInto, readRecord } from "./record.js";
import type { Row } from "./rows.js";

const CLASSES = ["ash", "birch", "cedar"];
let folder: string;
let source: Source;
let model: Model;
let options: EvaluateOptions;
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-record-"));
  const stream = random(2, "pictures");
  for (const name of CLASSES) {
    await mkdir(at("pictures", name), { recursive: true });
    for (let i = 0; i < 5; i++) {
      const noise = Uint8Array.from({ length: 40 * 36 * 3 }, () => stream.integer(256));
      const image = sharp(noise, { raw: { width: 40, height: 36, channels: 3 } });
      await image.png().toFile(at("pictures", name, `${i}.png`));
    }
  }
  await writeFile(at("pictures", "birch", "2.png"), "no picture");
  source = await openFolder(at("pictures"));
  model = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), CLASSES, 5);
  const preprocessing = testPreprocessing(model.input, { resolution: 32 });
  options = { preprocessing, threads: 1, batchSize: 4, onBadImage: "skip" };
});
afterAll(() => rm(folder, { recursive: true }));

const filesOf = async (directory: string): Promise<Record<string, Buffer>> =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(directory)).map(async (name) => [name, await readFile(join(directory, name))] as const),
    ),
  );

describe("evaluateInto", () => {
  it("leaves what the evaluation rests on, and a row a picture", async () => {
    const found = await evaluateInto(at("whole"), "the model", model, source, options);
    const { correct, ...plain } = await evaluate(model, source, options);
    expect(found).toMatchObject({ ...plain, seconds: expect.any(Number), imagesPerSecond: expect.any(Number) });
    expect(Object.keys(await filesOf(at("whole"))).sort()).toEqual(["evaluation.json", "pictures.parquet"]);
    const { head, rows, name } = await readRecord(at("whole"));
    expect(name).toBe("the model");
    expect(head).toMatchObject({
      versions: { node: process.versions.node, engine: expect.stringMatching(/^onnxruntime-node \d/) },
      model: { arch: "efficientnet_b0", fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) },
      data: { pictures: 15, labels: "folders" },
      settings: { resolution: 32, cropRatio: 0.875, batchSize: 4, threads: 1, onBadImage: "skip" },
    });
    expect(rows.map(({ id }) => id)).toEqual(
      Array.from(source.samples, ({ name: id }) => id).filter((id) => id !== "birch/2.png"),
    );
    expect(rows.map((row) => Number(row.correct))).toEqual([...correct]);
    expect(rows.every(({ top }) => top.length === 3)).toBe(true);
    const summary = JSON.parse(await readFile(at("whole", "evaluation.json"), "utf8"));
    expect(summary.results).toMatchObject({ top1: found.top1, n: 14, bad: [{ name: "birch/2.png" }] });
  });

  it("is not computed again where it is complete, and says the same", async () => {
    const stopped = new AbortController();
    stopped.abort(new Error("nothing may be computed"));
    const again = await evaluateInto(at("whole"), "the model", model, source, { ...options, signal: stopped.signal });
    const { correct, bad, top1, loss, ece, worst, confusion } = await evaluate(model, source, options);
    expect(again).toMatchObject({ correct, bad, top1, loss, ece, worst, confusion, imagesPerSecond: 0 });
  });

  it("goes on where it was stopped, at any byte, and gives the same files", async () => {
    const wanted = await filesOf(at("whole"));
    const log = at("stopped", ".pictures.jsonl");
    for (const stop of [0, 1, 2, 3]) {
      await rm(at("stopped"), { recursive: true, force: true });
      const controller = new AbortController();
      const advance = (): void => {
        if (--left === 0) controller.abort(new Error("stopped here"));
      };
      let left = stop;
      if (stop > 0) {
        const progress = { start: () => ({ advance, end() {} }), note() {} };
        const running = evaluateInto(at("stopped"), "the model", model, source, {
          ...options,
          signal: controller.signal,
          progress,
        });
        await expect(running.then(() => "done").catch((error: Error) => error.message)).resolves.toMatch(
          /done|stopped here/,
        );
      }
      const held = await readFile(log).catch(() => null);
      const cuts = held === null ? [null] : [held.length, held.length - 1, Math.floor(held.length / 2), 10, 0];
      for (const cut of cuts) {
        if (held !== null && cut !== null) {
          await rm(at("stopped"), { recursive: true });
          await mkdir(at("stopped"));
          await writeFile(log, held);
          await truncate(log, cut);
        }
        await evaluateInto(at("stopped"), "the model", model, source, options);
        const found = await filesOf(at("stopped"));
        expect(Object.keys(found).sort()).toEqual(Object.keys(wanted).sort());
        for (const [name, bytes] of Object.entries(wanted)) expect(found[name]!.equals(bytes), name).toBe(true);
      }
    }
  });

  it("refuses to go on with something else, and names it", async () => {
    const other = freshModel(architecture("efficientnet_b0", { width: 0.25, depth: 0.25 }), CLASSES, 6);
    const preprocessing = { ...options.preprocessing, resolution: 48 };
    const running = evaluateInto(at("whole"), "the model", other, source, { ...options, preprocessing });
    await expect(running).rejects.toThrow(RequestError);
    await expect(running).rejects.toThrow("model.fingerprint differs; settings.resolution was 32, is 48.");
    await mkdir(at("begun"));
    await writeFile(at("begun", ".pictures.jsonl"), '{"format":"something else"}\n');
    await expect(evaluateInto(at("begun"), "m", model, source, options)).rejects.toThrow(
      "is not what an evaluation leaves when it is stopped",
    );
  });
});

describe("readRecord", () => {
  it("says what is missing", async () => {
    await mkdir(at("empty"));
    await expect(readRecord(at("empty"))).rejects.toThrow(DataError);
    await expect(readRecord(at("empty"))).rejects.toThrow("holds no evaluation.json");
    await writeFile(at("empty", ".pictures.jsonl"), "");
    await expect(readRecord(at("empty"))).rejects.toThrow("is not complete");
  });

  it.each([0, 3, 100, -50])("refuses rows that are cut to %i bytes", async (bytes) => {
    await rm(at("cut"), { recursive: true, force: true });
    await mkdir(at("cut"));
    const { "evaluation.json": summary, "pictures.parquet": rows } = await filesOf(at("whole"));
    await writeFile(at("cut", "evaluation.json"), summary!);
    await writeFile(at("cut", "pictures.parquet"), rows!.subarray(0, bytes < 0 ? rows!.length + bytes : bytes));
    await expect(readRecord(at("cut"))).rejects.toThrow(DataError);
    await expect(readRecord(at("cut"))).rejects.toThrow("cannot be read as rows of a record");
  });
});

it("rows survive Parquet to the last bit, many row groups of them", async () => {
  const stream = random(9, "rows");
  const rows = Array.from(
    { length: 25_001 },
    (_, i): Row => ({
      id: `ä/${i}.jpg`,
      label: stream.integer(1000),
      top: [1, 2, 3, 4, 5].map(() => stream.integer(1000)),
      probability: [1, 2, 3, 4, 5].map(() => stream.uniform() / 3),
      loss: Math.exp(stream.normal()),
      correct: stream.integer(2) === 1,
      correct5: stream.integer(2) === 1,
    }),
  );
  async function* inParts() {
    for (let i = 0; i < rows.length; i += 777) yield rows.slice(i, i + 777);
  }
  await writeRows(at("rows.parquet"), inParts(), 5, { key: "value" });
  const back: Row[] = [];
  for await (const part of readRows(at("rows.parquet"))) back.push(...part);
  expect(back).toEqual(rows);
});
