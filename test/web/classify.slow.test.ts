import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodePicture } from "../../src/data/index.js";
import { predict, testPreprocessing } from "../../src/evaluate/index.js";
import { exportGraph, exportOnnx } from "../../src/export/index.js";
import { loadModel } from "../../src/models/index.js";
import { GraphBuilder, serialize } from "../../src/onnx/index.js";
import { ROOT, type Server, serve } from "./browser.js";
import { nodeLogits, nodePixels, rangesOn, relativeDifference, uneven } from "./exports.js";
import { type OpenedPage, openPage } from "./open.js";
import { pictureFiles, png16 } from "./pictures.js";

const TOLERANCE = 1e-4;
const small = uneven("tf_efficientnet_b0", { width: 0.25, depth: 0.25 }, 10);
const smallExport = exportOnnx(small, { resolution: 64 });

let opened: OpenedPage;
let elsewhere: Server;
let files: Readonly<Record<string, Buffer>>;

beforeAll(async () => {
  files = await pictureFiles();
  opened = await openPage();
  elsewhere = await serve({});
  elsewhere.files.set("/other.png", files["rgb.png"]!);
  for (const [name, file] of Object.entries(files)) opened.server.files.set(`/${name}`, file);
  opened.server.files.set("/small.onnx", smallExport);
}, 120_000);
afterAll(async () => {
  await opened?.close();
  await elsewhere?.close();
});

/** Logits of a picture in the page. */
const pageLogits = (model: string, picture: string): Promise<number[]> =>
  opened.page.evaluate(
    async ([path, source]) => {
      const classifier = await fixres.loadClassifier(path!);
      const logits = [...(await classifier.logits(source!))];
      await classifier.dispose();
      return logits;
    },
    [model, picture],
  );

/** What an export of the small network takes of a file, in Node. */
const taken = async (file: Buffer, resolution: number): Promise<Uint8Array> =>
  nodePixels(small, await decodePicture(file), resolution);

describe("logits in the page are those of onnxruntime-node", () => {
  it("for a small network, at an odd resolution too", async () => {
    const odd = exportOnnx(small, { resolution: 33 });
    opened.server.files.set("/odd.onnx", odd);
    for (const [path, model, resolution] of [
      ["/small.onnx", smallExport, 64],
      ["/odd.onnx", odd, 33],
    ] as const) {
      for (const name of ["rgb.png", "portrait.png", "quality-75.jpg", "turned.jpg", "translucent.webp"]) {
        const expected = await nodeLogits(model, await taken(files[name]!, resolution));
        expect(relativeDifference(await pageLogits(path, `/${name}`), expected), name).toBeLessThan(TOLERANCE);
      }
    }
    // Pictures do make a difference that would be seen.
    const other = await nodeLogits(smallExport, await taken(files["portrait.png"]!, 64));
    expect(relativeDifference(await pageLogits("/small.onnx", "/rgb.png"), other)).toBeGreaterThan(100 * TOLERANCE);
  });

  it("for B0 at its full size", async () => {
    const model = exportOnnx(uneven("efficientnet_b0", {}, 1000));
    opened.server.files.set("/b0.onnx", model);
    const expected = await nodeLogits(model, await taken(files["rgb.png"]!, 224));
    expect(relativeDifference(await pageLogits("/b0.onnx", "/rgb.png"), expected)).toBeLessThan(TOLERANCE);
  });

  it("for exports of several pictures a run, and of any number", async () => {
    const pixels = await taken(files["rgb.png"]!, 64);
    const expected = await nodeLogits(smallExport, pixels);
    opened.server.files.set("/batch.onnx", exportOnnx(small, { resolution: 64, batch: 3 }));
    for (const path of ["/batch.onnx", "/small.onnx"])
      expect(relativeDifference(await pageLogits(path, "/rgb.png"), expected), path).toBeLessThan(TOLERANCE);
  });

  it("for an export that resizes pictures of any size itself", async () => {
    const model = exportOnnx(small, { resolution: 64, withResize: true });
    opened.server.files.set("/free.onnx", model);
    for (const name of ["rgb.png", "portrait.png"]) {
      const { data, width, height } = await decodePicture(files[name]!);
      const expected = await nodeLogits(model, data, [1, height, width, 3]);
      expect(relativeDifference(await pageLogits("/free.onnx", `/${name}`), expected), name).toBeLessThan(TOLERANCE);
    }
    const preprocessing = await opened.page.evaluate(
      async () => (await fixres.loadClassifier("/free.onnx")).preprocessing,
    );
    expect(preprocessing).toBeNull();
  });

  it.each([
    ["float16", 2e-2],
    ["int8", 5e-2],
  ] as const)("for an export in %s, to its precision", async (precision, tolerance) => {
    const settings = { resolution: 64, precision };
    const graph = exportGraph(small, settings);
    const pixels = await taken(files["rgb.png"]!, 64);
    const ranges = await rangesOn(graph, pixels);
    const model = exportOnnx(small, settings, graph, ranges);
    opened.server.files.set(`/${precision}.onnx`, model);
    const found = await pageLogits(`/${precision}.onnx`, "/rgb.png");
    expect(relativeDifference(found, await nodeLogits(model, pixels))).toBeLessThan(tolerance);
    expect(relativeDifference(found, await nodeLogits(smallExport, pixels))).toBeLessThan(tolerance);
  });
});

describe("classify", () => {
  it("gives what predict gives in Node on the same files", async () => {
    const folder = await mkdtemp(join(tmpdir(), "fixres-web-"));
    try {
      const names = ["rgb.png", "portrait.png", "odd.jpg", "turned.jpg", "translucent.png", "lossy.webp"];
      const paths = names.map((name) => join(folder, name));
      await writeFile(join(folder, "small.onnx"), smallExport);
      for (const [i, name] of names.entries()) await writeFile(paths[i]!, files[name]!);
      const model = await loadModel(join(folder, "small.onnx"));
      const { predictions } = await predict(model, paths, 3, {
        preprocessing: testPreprocessing(model.input),
        threads: 1,
      });
      const found = await opened.page.evaluate(async (all) => {
        const classifier = await fixres.loadClassifier("/small.onnx");
        // All at once: calls wait for each other.
        const tops = await Promise.all(all.map((name) => classifier.classify(`/${name}`, { count: 3 })));
        return { tops, classes: classifier.classes, preprocessing: classifier.preprocessing };
      }, names);
      expect(found.classes).toEqual(small.classes);
      // What is as usual is not said.
      expect(testPreprocessing(model.input)).toMatchObject(found.preprocessing!);
      for (const [i, { top }] of predictions.entries()) {
        expect(found.tops[i]!.map((guess) => [guess.class, guess.index])).toEqual(
          top.map((guess) => [guess.class, guess.index]),
        );
        for (const [j, { probability }] of top.entries())
          expect(found.tops[i]![j]!.probability).toBeCloseTo(probability, 4);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("takes a picture in every form that a browser has", async () => {
    const found = await opened.page.evaluate(async () => {
      const classifier = await fixres.loadClassifier(new URL("/small.onnx", location.href));
      const blob = await (await fetch("/rgb.png")).blob();
      const image = new Image();
      image.src = "/rgb.png";
      const bitmap = await createImageBitmap(blob);
      const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
      const context = canvas.getContext("2d")!;
      context.drawImage(bitmap, 0, 0);
      const offscreen = new OffscreenCanvas(bitmap.width, bitmap.height);
      offscreen.getContext("2d")!.drawImage(bitmap, 0, 0);
      const data = await new Promise<string>((resolve) => {
        const reader = Object.assign(new FileReader(), { onload: () => resolve(reader.result as string) });
        reader.readAsDataURL(blob);
      });
      const video = Object.assign(document.createElement("video"), { muted: true, srcObject: canvas.captureStream() });
      // A frame goes out when something is drawn.
      context.drawImage(bitmap, 0, 0);
      await video.play();
      const forms = {
        address: "/rgb.png",
        url: new URL("/rgb.png", location.href),
        data,
        blob,
        file: new File([blob], "rgb.png"),
        // Still loading when it is given.
        image,
        bitmap,
        canvas,
        offscreen,
        pixels: context.getImageData(0, 0, bitmap.width, bitmap.height),
        frame: new VideoFrame(canvas, { timestamp: 0 }),
        video,
      };
      const logits: Record<string, number[]> = {};
      for (const [name, form] of Object.entries(forms)) logits[name] = [...(await classifier.logits(form))];
      forms.frame.close();
      // What was given stays open.
      return { logits, width: bitmap.width };
    });
    expect(found.width).toBe(500);
    expect(Object.keys(found.logits)).toHaveLength(12);
    for (const [name, logits] of Object.entries(found.logits)) expect(logits, name).toEqual(found.logits.address);
  });

  it("works in a worker", async () => {
    const found = await opened.page.evaluate(async () => {
      const source = await (await fetch("/rgb.png")).blob();
      const classifier = await fixres.loadClassifier("/small.onnx");
      return [await fixres.inWorker("/small.onnx", source), await classifier.classify(source)];
    });
    expect(found[0]).toHaveLength(5);
    expect(found[0]).toEqual(found[1]);
  });

  it("finishes what is under way before a model is disposed of, and nothing after", async () => {
    const found = await opened.page.evaluate(async () => {
      const classifier = await fixres.loadClassifier("/small.onnx");
      const call = classifier.classify("/rgb.png");
      await classifier.dispose();
      await classifier.dispose();
      const late = await classifier.classify("/rgb.png").catch((error) => String(error));
      return { top: await call, late };
    });
    expect(found.top).toHaveLength(5);
    expect(found.late).toBe("RequestError: the model was disposed of; load it again.");
  });
});

describe("one error says what is wrong", () => {
  /** The error of a model, of a picture, or of an option, by the page's own words. */
  const failure = (model: string, picture: string, options: object = {}): Promise<string> =>
    opened.page.evaluate(
      async ({ path, source, given }) => {
        try {
          const classifier = await fixres.loadClassifier(path, given);
          return `none: ${(await classifier.classify(source, given)).length}`;
        } catch (error) {
          return String(error);
        }
      },
      { path: model, source: picture, given: options },
    );

  it("of models", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", "float32", [1]);
    const graph = { name: "small", inputs: [x], outputs: { y: b.relu(x) } };
    const metadata = {
      "fixres-model": JSON.stringify({ format: "fixres-model-1", classes: ["a"], input: small.input }),
    };
    const { files: served } = opened.server;
    served.set("/page.onnx", "<!doctype html><title>Home</title>");
    served.set("/empty.onnx", "");
    served.set("/other.onnx", serialize(graph));
    served.set("/stranger.onnx", serialize(graph, { metadata }));
    served.set("/cut.onnx", smallExport.subarray(0, smallExport.length / 2));
    for (const [path, message] of [
      ["/none.onnx", 'DataError: model "/none.onnx" cannot be fetched: 404 Not Found.'],
      ["/page.onnx", 'DataError: model "/page.onnx" is no ONNX file, or a damaged one (byte 0 starts no field)'],
      ["/empty.onnx", 'DataError: model "/empty.onnx" was not exported by fixres (its metadata lack "fixres-model")'],
      ["/other.onnx", 'DataError: model "/other.onnx" was not exported by fixres'],
      ["/cut.onnx", 'DataError: model "/cut.onnx" is no ONNX file, or a damaged one (a field of '],
      ["/stranger.onnx", 'DataError: model "/stranger.onnx" does not take bytes and give float32; export it again.'],
    ] as const)
      expect(await failure(path, "/rgb.png")).toContain(message);
  });

  it("of pictures", async () => {
    const { files: served } = opened.server;
    served.set("/page.png", "<!doctype html>");
    served.set("/empty.png", "");
    served.set("/cut.png", files["rgb.png"]!.subarray(0, 5000));
    served.set("/cut.jpg", files["quality-75.jpg"]!.subarray(0, 5000));
    served.set("/broken.png", Buffer.from(files["rgb.png"]!).fill(7, 3000, 5000));
    served.set("/bomb.png", png16(4, 4, { claimed: [60_000, 60_000] }));
    for (const [path, message] of [
      ["/none.png", 'DataError: picture "/none.png" cannot be fetched: 404 Not Found.'],
      ["/page.png", 'DataError: picture "/page.png" is no JPEG, PNG or WebP'],
      ["/empty.png", 'DataError: picture "/empty.png" is an empty file'],
      ["/cut.png", 'DataError: picture "/cut.png" is damaged or cut short'],
      ["/cut.jpg", 'DataError: picture "/cut.jpg" is damaged or cut short'],
      ["/broken.png", 'DataError: picture "/broken.png" cannot be decoded (The source image could not be decoded)'],
      ["/bomb.png", 'DataError: picture "/bomb.png" has 60000 x 60000 pixels, more than the 178956970 allowed'],
    ] as const)
      expect(await failure("/small.onnx", path)).toContain(message);
    expect(await failure("/small.onnx", "/rgb.png", { maxPixels: 499 * 375 })).toContain("has 500 x 375 pixels");
  });

  it("of elements", async () => {
    const found = await opened.page.evaluate(async (other) => {
      const classifier = await fixres.loadClassifier("/small.onnx");
      const message = (source: CanvasImageSource): Promise<string> =>
        classifier.classify(source).then(() => "none", String);
      const broken = Object.assign(new Image(), { src: "/none.png", alt: "a cat" });
      const tainted = Object.assign(new Image(), { src: other });
      const canvas = Object.assign(document.createElement("canvas"), { width: 0, height: 0 });
      return [await message(broken), await message(tainted), await message(canvas)];
    }, `${elsewhere.origin}/other.png`);
    expect(found[0]).toBe(
      'DataError: picture "a cat" cannot be decoded (The source image cannot be decoded); restore or convert it.',
    );
    expect(found[1]).toContain('DataError: picture "picture" comes from another origin');
    expect(found[2]).toContain('DataError: picture "picture" is empty: 0 x 0 pixels.');
  });

  it("of options", async () => {
    for (const [options, message] of [
      [{ device: "gpu" }, 'RequestError: device "gpu" is unknown; choose one of wasm, webgpu.'],
      [{ device: "webgpu" }, 'RequestError: this browser offers no WebGPU here; take device "wasm".'],
      [{ threads: 0 }, "RequestError: threads is 0; give a whole number of 1 or more, or leave it out."],
      [{ count: 0 }, "RequestError: count is 0; give a whole number of 1 or more."],
    ] as const)
      expect(await failure("/small.onnx", "/rgb.png", options)).toBe(message);
  });
});

it("finds ONNX Runtime's files where wasmPaths says", async () => {
  const { page, server } = opened;
  const load = async (wasmPaths: string | { wasm: string }): Promise<{ outcome: string; asked: string[] }> => {
    // Each page reads the paths once.
    await page.reload();
    await page.waitForFunction(() => globalThis.fixres !== undefined);
    const asked: string[] = [];
    const note = (request: { url(): string }) => asked.push(request.url().replace(server.origin, ""));
    page.on("request", note);
    const outcome = await page.evaluate(
      (paths) => fixres.loadClassifier("/small.onnx", { wasmPaths: paths }).then(() => "loaded", String),
      wasmPaths,
    );
    page.off("request", note);
    return { outcome, asked: asked.filter((path) => path.startsWith("/ort/")) };
  };
  const missing = await load({ wasm: "/ort/none.wasm" });
  expect(missing.outcome).toContain(
    'FailedError: ONNX Runtime could not open model "/small.onnx" on wasm: no available backend',
  );
  expect(missing.outcome).toContain("Are its .wasm files where wasmPaths says?");
  for (const name of ["ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.mjs"])
    server.files.set(`/ort/${name}`, await readFile(join(ROOT, "node_modules", "onnxruntime-web", "dist", name)));
  const [wasm, mjs] = ["/ort/ort-wasm-simd-threaded.wasm", "/ort/ort-wasm-simd-threaded.mjs"];
  expect(await load({ wasm: wasm! })).toEqual({ outcome: "loaded", asked: [wasm] });
  expect(await load("/ort/")).toEqual({ outcome: "loaded", asked: [mjs, wasm] });
});

it("uses threads on an isolated page, with the same logits", async () => {
  const isolated = await openPage({ isolated: true });
  try {
    isolated.server.files.set("/small.onnx", smallExport);
    isolated.server.files.set("/rgb.png", files["rgb.png"]!);
    const { threads, logits } = await isolated.page.evaluate(async () => {
      const classifier = await fixres.loadClassifier("/small.onnx", { threads: 2 });
      return { threads: crossOriginIsolated, logits: [...(await classifier.logits("/rgb.png"))] };
    });
    expect(threads).toBe(true);
    // The page itself and one more.
    expect(isolated.page.workers().length).toBeGreaterThan(0);
    const expected = await nodeLogits(smallExport, await taken(files["rgb.png"]!, 64));
    expect(relativeDifference(logits, expected)).toBeLessThan(TOLERANCE);
  } finally {
    await isolated.close();
  }
});
