import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { DataError, RequestError } from "../errors.js";
import { encoded, folderOf, pattern } from "../pictures.testing.js";
import { type Picture, testTransform } from "../pixels/index.js";
import { random } from "../random.js";
import { openPictureCache, type PictureCache } from "./cache.js";
import { openFolder } from "./folder.js";
import { type Batch, type LoadOptions, loadBatches } from "./loader.js";
import { orderOf } from "./order.js";
import type { Source } from "./source.js";
import { trainTransform } from "./train-transform.js";

const test = testTransform({ resolution: 8, cropRatio: 1, interpolation: "bilinear", cropMode: "center" });
const train = trainTransform({ resolution: 8, interpolation: "bilinear" });

const options: LoadOptions = { transform: test, batchSize: 4, seed: 1, epoch: 0, shuffle: false };

/** The picture of sample i: sizes differ, so that files take unequal time. */
const pictureOf = (i: number): Picture => pattern(10 + ((i * 7) % 5) * 30, 12 + i);

/** Two classes of `count / 2` pictures each. */
async function pictures(count: number, broken: readonly number[] = []): Promise<Source> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < count; i++) {
    const name = `${i < count / 2 ? "cat" : "dog"}/${String(i).padStart(2, "0")}.png`;
    const bytes = await encoded(pictureOf(i));
    files[name] = broken.includes(i) ? bytes.subarray(0, bytes.length / 2) : bytes;
  }
  return openFolder(await folderOf(files));
}

async function collect(source: Source, changes: Partial<LoadOptions> = {}): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loadBatches(source, { ...options, ...changes })) batches.push(batch);
  return batches;
}

/** A cache that keeps nothing but what was decoded in mind. */
function counting(): { decoded: Set<string>; cache: PictureCache } {
  const decoded = new Set<string>();
  return { decoded, cache: { get: () => undefined, add: (path) => void decoded.add(path) } };
}

const row = ({ pixels }: Batch, i: number): Uint8Array => pixels.subarray(i * 192, (i + 1) * 192);
const samplesOf = (batches: readonly Batch[]): number[] => batches.flatMap(({ samples }) => [...samples]);

function expected(transform: LoadOptions["transform"], index: number, epoch = 0): Uint8Array {
  const out = new Uint8Array(192);
  transform.apply(pictureOf(index), out, 0, random(1, "sample", epoch, index));
  return out;
}

describe("loadBatches", () => {
  it("transforms a picture anew that comes again in an order, and the first time as ever", async () => {
    const source = await pictures(2);
    const [batch] = await collect(source, { transform: train, order: Int32Array.of(1, 1, 0, 1) });
    expect(row(batch!, 0)).toEqual(expected(train, 1));
    expect(row(batch!, 2)).toEqual(expected(train, 0));
    expect(row(batch!, 1)).not.toEqual(row(batch!, 0));
    expect(row(batch!, 3)).not.toEqual(row(batch!, 1));
    const [later] = await collect(source, {
      transform: train,
      order: Int32Array.of(1, 1, 0, 1),
      start: 1,
      batchSize: 3,
    });
    expect(row(later!, 0)).toEqual(row(batch!, 1));
  });

  it("gives transformed pictures with labels, the last batch filled with black", async () => {
    const batches = await collect(await pictures(10));
    expect(batches.map(({ count, end }) => [count, end])).toEqual([
      [4, 4],
      [4, 8],
      [2, 10],
    ]);
    expect(batches.map(({ labels }) => [...labels])).toEqual([
      [0, 0, 0, 0],
      [0, 1, 1, 1],
      [1, 1, 0, 0],
    ]);
    expect(samplesOf(batches)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (let i = 0; i < 10; i++) expect(row(batches[Math.floor(i / 4)]!, i % 4)).toEqual(expected(test, i));
    expect(batches[2]!.pixels.length).toBe(4 * 192);
    expect(batches[2]!.pixels.subarray(2 * 192).every((byte) => byte === 0)).toBe(true);
  });

  it("drops the last batch when told", async () => {
    expect((await collect(await pictures(10), { dropLast: true })).map(({ end }) => end)).toEqual([4, 8]);
  });

  it("shuffles by seed and epoch, and crops by the sample", async () => {
    const source = await pictures(12);
    const changes = { transform: train, shuffle: true };
    const batches = await collect(source, changes);
    const order = samplesOf(batches);
    expect(order).toEqual([...orderOf(12, { seed: 1, epoch: 0, shuffle: true })]);
    expect(order.toSorted((a, b) => a - b)).toEqual([...orderOf(12, { seed: 1, epoch: 0, shuffle: false })]);
    for (const [i, index] of order.entries()) {
      expect(row(batches[Math.floor(i / 4)]!, i % 4)).toEqual(expected(train, index));
    }
    expect(samplesOf(await collect(source, { ...changes, seed: 2 }))).not.toEqual(order);
    const next = await collect(source, { ...changes, epoch: 1 });
    expect(samplesOf(next)).not.toEqual(order);
    expect(row(next[0]!, 0)).toEqual(expected(train, next[0]!.samples[0]!, 1));
  });

  it("gives the same bytes whatever is kept, and however far it works ahead", async () => {
    const source = await pictures(12);
    const changes = { transform: train, shuffle: true };
    const plain = await collect(source, changes);
    const cache = openPictureCache(20_000);
    for (const variant of [{ ahead: 1 }, { ahead: 9 }, { cache }, { cache }]) {
      expect(await collect(source, { ...changes, ...variant })).toEqual(plain);
    }
  });

  it("goes on from a position as if it had not stopped", async () => {
    const source = await pictures(12, [3]);
    const changes = { transform: train, shuffle: true, onBadImage: "skip" } as const;
    const whole = await collect(source, changes);
    for (const [i, { end }] of whole.entries()) {
      expect(await collect(source, { ...changes, start: end })).toEqual(whole.slice(i + 1));
    }
  });

  it("stops at a picture that cannot be read, and names it", async () => {
    const source = await pictures(10, [5]);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { end } of loadBatches(source, options)) seen.push(end);
    })();
    await expect(reading).rejects.toThrow(DataError);
    await expect(reading).rejects.toThrow(
      /dog\/05\.png" is damaged or cut short \(.*\); restore or remove it\. To leave such pictures out/,
    );
    expect(seen).toEqual([4]);
  });

  it("puts the next picture into the place of a bad one when told to skip", async () => {
    const batches = await collect(await pictures(10, [1, 2, 9]), { onBadImage: "skip" });
    expect(batches.map(({ samples }) => [...samples])).toEqual([
      [0, 3, 4, 5],
      [6, 7, 8],
    ]);
    expect(batches.map(({ bad }) => bad.map(({ name }) => name))).toEqual([
      ["cat/01.png", "cat/02.png"],
      ["dog/09.png"],
    ]);
    expect(batches.map(({ end }) => end)).toEqual([6, 10]);
    expect(batches[0]!.bad[0]!.reason).toContain("is damaged or cut short");
    expect(row(batches[0]!, 1)).toEqual(expected(test, 3));
  });

  it("tells of bad pictures behind the last good one", async () => {
    const batches = await collect(await pictures(6, [4, 5]), { onBadImage: "skip" });
    expect(batches.map(({ count, end, bad }) => [count, end, bad.length])).toEqual([
      [4, 4, 0],
      [0, 6, 2],
    ]);
  });

  it("leaves batches alone that were given out", async () => {
    const source = await pictures(12);
    const copies: Batch[] = [];
    const given: Batch[] = [];
    for await (const batch of loadBatches(source, options)) {
      given.push(batch);
      copies.push(structuredClone(batch));
    }
    expect(given).toEqual(copies);
  });

  it("decodes no further than it may, nor once the consumer leaves", async () => {
    const { decoded, cache } = counting();
    for await (const _ of loadBatches(await pictures(40), { ...options, cache, ahead: 2 })) break;
    await setTimeout(100);
    // The batch that was taken, and two ahead.
    expect(decoded.size).toBeGreaterThanOrEqual(4);
    expect(decoded.size).toBeLessThanOrEqual(12);
  });

  it("stops where the signal says so", async () => {
    const { decoded, cache } = counting();
    const controller = new AbortController();
    const source = await pictures(40);
    const reading = (async () => {
      for await (const _ of loadBatches(source, { ...options, cache, signal: controller.signal })) {
        controller.abort(new Error("asked to stop"));
      }
    })();
    await expect(reading).rejects.toThrow("asked to stop");
    await setTimeout(100);
    expect(decoded.size).toBeLessThan(20);
  });

  it("takes kept pictures without reading the files", async () => {
    const source = await pictures(4);
    const cache = openPictureCache(1e6);
    const [first] = await collect(source, { cache });
    await writeFile(join(source.name, source.samples[0]!.name), "no picture any more");
    expect(await collect(source, { cache })).toEqual([first]);
  });

  it.each<[Partial<LoadOptions>, string]>([
    [{ batchSize: 0 }, "the batch size is 0; give a whole number, at least 1."],
    [{ start: -1 }, "the start is -1; give a whole number, at least 0."],
    [{ ahead: 0.5 }, "the number of batches ahead is 0.5; give a whole number, at least 1."],
  ])("refuses %j", async (changes, message) => {
    await expect(collect(await pictures(2), changes)).rejects.toThrow(RequestError);
    await expect(collect(await pictures(2), changes)).rejects.toThrow(message);
  });
});
