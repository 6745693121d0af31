import { crc32 } from "node:zlib";
import { FILTERS, type Picture, resize, testTransform } from "fixres/data";
import { z } from "zod";
import { uniform } from "./fill.js";
import { type Check, type EntryResult, maxError } from "./report.js";

const Size = z.tuple([z.number().int().positive(), z.number().int().positive()]);
const Golden = z.object({
  source: Size,
  filter: z.enum(FILTERS),
  crc32: z.number(),
  sum: z.number(),
  first12: z.array(z.number()),
});
const EvalGolden = Golden.extend({
  resize_shorter_side: z.number().int().positive(),
  resolution: z.number().int().positive(),
});

export const Preprocess = z.object({ resize: z.array(Golden.extend({ target: Size })), eval: z.array(EvalGolden) });

/** Pillow's resize, and torchvision's Resize and CenterCrop, byte for byte. */
export async function* checkPreprocess(golden: z.infer<typeof Preprocess>): AsyncGenerator<EntryResult> {
  for (const { source, target, filter, ...wanted } of golden.resize) {
    const [width, height] = target;
    const { data } = resize(picture(source), width, height, filter);
    yield { entry: `resize ${source.join("x")} ${filter} to ${target.join("x")}`, checks: checks(wanted, data) };
  }
  for (const { source, resolution, resize_shorter_side: side, filter, ...wanted } of golden.eval) {
    // The ratio whose quotient is this side; a half keeps rounding from losing a pixel.
    const cropRatio = resolution / (side + 0.5);
    const transform = testTransform({ resolution, cropRatio, interpolation: filter, cropMode: "center" });
    const data = new Uint8Array(resolution * resolution * 3);
    transform.apply(picture(source), data, 0);
    yield { entry: `eval ${source.join("x")} ${filter} ${side} to ${resolution}`, checks: checks(wanted, data) };
  }
}

function checks(wanted: { crc32: number; sum: number; first12: number[] }, data: Uint8Array): Check[] {
  return [
    { what: "first bytes", error: maxError(wanted.first12, data), allowed: 0 },
    { what: "sum", error: Math.abs(wanted.sum - data.reduce((sum, byte) => sum + byte, 0)), allowed: 0 },
    { what: "CRC-32", error: Number(wanted.crc32 !== crc32(data)), allowed: 0 },
  ];
}

/** The picture of a size: gradients in red and green, a checkerboard in blue, and noise. */
function picture([width, height]: readonly [number, number]): Picture {
  const u = uniform(`image ${width}x${height}`, width * height * 3);
  const data = new Uint8Array(u.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const base = [
        Math.floor((x * 255) / (width - 1)),
        Math.floor((y * 255) / (height - 1)),
        (Math.floor(x / 8) + Math.floor(y / 8)) % 2 === 1 ? 255 : 0,
      ];
      base.forEach((value, c) => {
        const i = (y * width + x) * 3 + c;
        data[i] = Math.max(0, Math.min(255, Math.floor(value * 0.75 + u[i]! * 32 + 32)));
      });
    }
  }
  return { width, height, data };
}
