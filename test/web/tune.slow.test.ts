import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSplits } from "../../src/data/index.js";
import { exportOnnx } from "../../src/export/index.js";
import { tune } from "../../src/fixres/index.js";
import { inferenceGraph, loadModel, type Model, weightsOf } from "../../src/models/index.js";
import { foldBatchNorms, openBatch, serialize, type Value } from "../../src/onnx/index.js";
import { WEB_TUNE_DEFAULTS } from "../../src/web/tune.js";
import { examplePictures, shippedModels } from "./examples.js";
import { type OpenedPage, openPage } from "./open.js";

/** A network of its own size for 40 px, 45% there, and pictures that it has not seen. */
let base: Model;
let opened: OpenedPage;
let folder: string;
const RESOLUTION = 40;

beforeAll(async () => {
  ({ base } = await shippedModels());
  folder = await mkdtemp(join(tmpdir(), "fixres-web-tune-"));
  opened = await openPage();
  const folded = foldBatchNorms(inferenceGraph(base, { resolution: 32, batch: 1 }), weightsOf(base));
  const bind = (value: Value) => ({ kind: "data", data: folded.data(value) }) as const;
  const open = { pixels: { 0: "batch" }, logits: { 0: "batch" } };
  for (const [name, file] of Object.entries({
    "base.onnx": exportOnnx(base),
    "folded.onnx": serialize(openBatch(folded.graph), { bind, open }),
  })) {
    opened.server.files.set(`/${name}`, file);
    await writeFile(join(folder, name), file);
  }
  for (const [i, { class: name, file }] of (await examplePictures(base.classes, 20)).entries()) {
    const path = `${name}/${String(i).padStart(4, "0")}.png`;
    opened.server.files.set(`/pictures/${path}`, file);
    await mkdir(join(folder, "val", name), { recursive: true });
    await mkdir(join(folder, "train", name), { recursive: true });
    // 6 of each class to train on, as the page gets them.
    await writeFile(join(folder, i % 20 < 6 ? "train" : "val", path), file);
  }
}, 120_000);
afterAll(async () => {
  await opened?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Tunes in the page. @param each - pictures of every class, from the first on  @param file - the model's */
const tuneInPage = (each: number, options: object, file = "base.onnx", { page } = opened) =>
  page.evaluate(
    async ([names, count, given, own]) => {
      const model = fixres.modelOf(new Uint8Array(await (await fetch(`/${own}`)).arrayBuffer()), own);
      const pictures = names.flatMap((name, k) =>
        Array.from({ length: count }, (_, i) => ({
          source: `/pictures/${name}/${String(20 * k + i).padStart(4, "0")}.png`,
          class: name,
        })),
      );
      const events: string[] = [];
      const tuned = await fixres.tuneClassifier(model, pictures, {
        ...given,
        onEvent: (event) => events.push(event.kind),
      });
      const { file, before, after, losses, judged, heldOut, seconds } = tuned;
      const reader = new FileReader();
      reader.readAsDataURL(new Blob([file]));
      await new Promise((resolve) => reader.addEventListener("load", resolve));
      return { file: String(reader.result).split(",")[1]!, before, after, losses, judged, heldOut, seconds, events };
    },
    [base.classes as string[], each, options, file] as const,
  );

describe("tuning in Chromium", () => {
  it.each([
    ["classifier", "base.onnx"],
    ["classifier+bn-stats", "base.onnx"],
    ["classifier+bn", "base.onnx"],
    // BatchNorms folded into convolutions, and nothing said of itself: a fresh BatchNorm is tuned behind the last convolution.
    ["classifier+bn", "folded.onnx"],
  ] as const)(
    "computes what fixres tune does: %s of %s",
    async (mode, file) => {
      const options = { mode, resolution: RESOLUTION, epochs: 5, batchSize: 20, baseLearningRate: 0.03, holdout: 0 };
      const found = await tuneInPage(6, options, file);
      const path = join(folder, "page.onnx");
      await writeFile(path, Buffer.from(found.file, "base64"));
      const inPage = await loadModel(path);
      const data = await openSplits(folder);
      const start = await loadModel(join(folder, file));
      const preprocessing = { ...start.input, resolution: RESOLUTION };
      const directory = join(folder, `node-${mode}-${file}`);
      const surroundings = { directory, threads: 1, cache: { where: "memory" } } as const;
      const expected = await tune(start, data, { ...WEB_TUNE_DEFAULTS, ...options, preprocessing }, surroundings);
      const inNode = await loadModel(expected.model);
      for (const [epoch, loss] of found.losses.entries()) expect(loss).toBeCloseTo(expected.losses[epoch]!, 4);
      expect(found.losses.at(-1)!).toBeLessThan(found.losses[0]!);
      expect(inPage.classes).toEqual(inNode.classes);
      expect(inPage.input).toEqual(inNode.input);
      let moved = 0;
      for (const [name, { data: values }] of inNode.tensors) {
        const [others, before] = [inPage, start].map(({ tensors }) => tensors.get(name)!.data as Float32Array);
        const ours = values as Float32Array;
        const largest = ours.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const worst = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - others![i]!)), 0);
        expect(worst, name).toBeLessThanOrEqual(2e-4 * largest);
        moved += ours.filter((value, i) => value !== before![i]).length;
      }
      expect(moved).toBeGreaterThan(5000);
    },
    240_000,
  );

  it("makes the model better on pictures that were held out, and tells of each epoch", async () => {
    const { before, after, events, heldOut, losses } = await tuneInPage(20, { resolution: RESOLUTION });
    expect(heldOut).toHaveLength(40);
    expect(after.top1 - before.top1).toBeGreaterThan(0.15);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    expect(events.filter((kind) => kind === "epoch")).toHaveLength(30);
    expect(events.filter((kind) => kind === "picture")).toHaveLength(200);
  }, 120_000);

  it("computes the same with threads, where the page may have them", async () => {
    const isolated = await openPage({ isolated: true });
    try {
      for (const [path, content] of opened.server.files) isolated.server.files.set(path, content);
      const options = { resolution: RESOLUTION, epochs: 2, holdout: 0 };
      const [one, two] = [
        await tuneInPage(2, options),
        await tuneInPage(2, { ...options, threads: 2 }, "base.onnx", isolated),
      ];
      expect(await isolated.page.evaluate(() => crossOriginIsolated)).toBe(true);
      for (const [epoch, loss] of two.losses.entries()) expect(loss).toBeCloseTo(one.losses[epoch]!, 4);
    } finally {
      await isolated.close();
    }
  }, 120_000);

  it("learns classes that the model does not have", async () => {
    const found = await opened.page.evaluate(async () => {
      const model = fixres.modelOf(new Uint8Array(await (await fetch("/base.onnx")).arrayBuffer()), "base.onnx");
      const pictures = [
        ["bag", "carried"],
        ["sandal", "worn"],
      ].flatMap(([name, own], k) =>
        Array.from({ length: 20 }, (_, i) => ({
          source: `/pictures/${name}/${String(20 * (k === 0 ? 1 : 5) + i).padStart(4, "0")}.png`,
          class: own!,
        })),
      );
      const tuned = await fixres.tuneClassifier(model, pictures, { resolution: 32 });
      const again = await fixres.loadClassifier(tuned.file);
      const rows = await fixres.evaluateClassifier(tuned.model, pictures, [24, 32]);
      const [guess] = await again.classify(pictures[0]!.source);
      await again.dispose();
      return { classes: again.classes, guess, after: tuned.after.top1, rows };
    });
    expect(found.classes).toEqual(["carried", "worn"]);
    expect(found.after).toBeGreaterThan(0.9);
    expect(found.guess).toMatchObject({ class: "carried" });
    expect(found.rows.map(({ resolution }) => resolution)).toEqual([24, 32]);
    expect(found.rows[1]!.accuracy.top1).toBeGreaterThan(0.9);
  }, 120_000);

  it("says in one line what cannot be, and stops when it is told to", async () => {
    const said = await opened.page.evaluate(async () => {
      const bytes = new Uint8Array(await (await fetch("/base.onnx")).arrayBuffer());
      const model = fixres.modelOf(bytes, "base.onnx");
      const bag = { source: "/pictures/bag/0020.png", class: "bag" };
      const messages: string[] = [];
      const attempt = async (work: () => unknown) => {
        try {
          await work();
          messages.push("nothing");
        } catch (error) {
          messages.push(`${(error as Error).name}: ${(error as Error).message}`);
        }
      };
      const two = [bag, { ...bag, class: "dress" }];
      await attempt(() => fixres.modelOf(bytes.subarray(0, 1000), "cut.onnx"));
      await attempt(() => fixres.tuneClassifier(model, [bag]));
      await attempt(() =>
        fixres.tuneClassifier(
          model,
          [bag, bag].map((one) => ({ ...one, class: "cat" })),
        ),
      );
      await attempt(() => fixres.tuneClassifier(model, two));
      await attempt(() => fixres.tuneClassifier(model, two, { holdout: 0, mode: "some" as "head" }));
      await attempt(() => fixres.tuneClassifier(model, two, { holdout: 0, epochs: 0.5 }));
      await attempt(() => fixres.tuneClassifier(model, two, { holdout: 0, baseLearningRate: 1e30 }));
      await attempt(() => fixres.tuneClassifier(model, [bag, { ...bag, source: "/no.png" }], { holdout: 0 }));
      const stop = new AbortController();
      await attempt(() =>
        fixres.tuneClassifier(model, two, {
          holdout: 0,
          epochs: 1000,
          signal: stop.signal,
          onEvent: ({ kind }) => kind === "epoch" && stop.abort(),
        }),
      );
      return messages;
    });
    expect(said.every((message) => !message.includes("\n"))).toBe(true);
    expect(said[0]).toMatch(/^DataError/);
    expect(said.slice(1)).toEqual([
      "RequestError: there are 1 pictures; give at least two, of the classes to tell apart.",
      'RequestError: all pictures show "cat", which the model does not know; give at least two classes.',
      "RequestError: no class of the 2 pictures has one to spare for a held-out share of 0.2; give more pictures, or a holdout of 0.",
      expect.stringContaining('RequestError: what to tune is "some"; choose one of classifier,'),
      "RequestError: epochs is 0.5; give a whole number of 1 or more.",
      expect.stringMatching(/^NotFiniteError: .* their training diverged\.$/),
      expect.stringContaining('DataError: picture "/no.png" cannot be fetched: 404'),
      expect.stringMatching(/^AbortError: /),
    ]);
  }, 120_000);
});
