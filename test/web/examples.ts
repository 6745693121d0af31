import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { unpackedModels } from "../../src/playground/shipped.js";
import { ROOT } from "./browser.js";

const PUBLIC = join(ROOT, "src", "playground", "public");
const SIDE = 28;

/** The playground's two models: small networks that were trained on Fashion-MNIST. */
export const shippedModels = async () =>
  unpackedModels(new Uint8Array(await readFile(join(PUBLIC, "models.safetensors"))));

/** Pictures of Fashion-MNIST that nothing was trained on, as PNG files by class. @param each - of every class, at most 20 */
export async function examplePictures(classes: readonly string[], each: number) {
  const sheet = await readFile(join(PUBLIC, "examples.png"));
  return Promise.all(
    classes.flatMap((name, row) =>
      Array.from({ length: each }, async (_, column) => {
        const tile = { left: column * SIDE, top: row * SIDE, width: SIDE, height: SIDE };
        return { class: name, file: await sharp(sheet).extract(tile).png().toBuffer() };
      }),
    ),
  );
}
