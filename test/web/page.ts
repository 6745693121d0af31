/** What the tests use in a page: the entry, and the parts behind it that show pixels. */
import { loadClassifier } from "fixres/web";
import { evaluateClassifier, modelOf, tuneClassifier } from "fixres/web/tune";
import { testTransform } from "../../src/pixels/index.js";
import { type PictureSource, readPicture } from "../../src/web/picture.js";

/** How far bytes lie from those at an address. */
async function difference(bytes: Uint8Array, expected: string): Promise<{ largest: number; share: number }> {
  const other = new Uint8Array(await (await fetch(expected)).arrayBuffer());
  if (other.length !== bytes.length) return { largest: 255, share: 1 };
  let [largest, count] = [0, 0];
  for (let i = 0; i < bytes.length; i++) {
    const distance = Math.abs(bytes[i]! - other[i]!);
    largest = Math.max(largest, distance);
    if (distance > 0) count++;
  }
  return { largest, share: count / bytes.length };
}

const page = {
  loadClassifier,
  modelOf,
  tuneClassifier,
  evaluateClassifier,
  readPicture,
  testTransform,
  difference,
  /** A picture's guesses, made in a worker. */
  inWorker: (model: string, source: PictureSource): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
      worker.onmessage = ({ data }) => {
        worker.terminate();
        resolve(data);
      };
      worker.onerror = reject;
      worker.postMessage({ model, source });
    }),
};

declare global {
  var fixres: typeof page;
}
globalThis.fixres = page;
