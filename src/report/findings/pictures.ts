import sharp from "sharp";
import { readPicture, type Source } from "../../data/index.js";
import type { EvaluationFindings } from "./evaluation.js";

/** Longer side of a thumbnail, px: sharp enough at the size of a postage stamp. */
const SIDE = 96;
/** Thumbnails that are embedded at most, about 2 kB each, and pixels of a picture that is decoded for one. */
const MOST = 600;
const MAX_PIXELS = 50_000_000;

/** Small pictures by name, as `data:` addresses. */
export type Thumbnails = ReadonlyMap<string, string>;

/** Thumbnails of what a report shows: the worst losses first, then what was confused most often. Those that cannot be read are left out. */
export async function thumbnailsOf(
  { worst, matrix }: EvaluationFindings,
  source: Source,
  exifOrientation: boolean,
): Promise<Thumbnails> {
  const confused = matrix.cells
    .toSorted((a, b) => Number(a.label === a.predicted) - Number(b.label === b.predicted) || b.count - a.count)
    .flatMap(({ pictures }) => pictures);
  const wanted = new Set([...worst, ...confused].map(({ id }) => id).slice(0, 4 * MOST));
  const made = new Map<string, string>();
  const places = new Map<string, number>();
  let index = 0;
  for (const { name } of source.samples) {
    if (wanted.has(name)) places.set(name, index);
    index++;
  }
  for (const id of wanted) {
    if (made.size === MOST) break;
    const place = places.get(id);
    if (place === undefined) continue;
    const small = await thumbnail(source, place, exifOrientation).catch(() => null);
    if (small !== null) made.set(id, small);
  }
  return made;
}

async function thumbnail(source: Source, index: number, exifOrientation: boolean): Promise<string> {
  const { data, width, height } = await readPicture(source, index, { exifOrientation, maxPixels: MAX_PIXELS });
  const webp = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(SIDE, SIDE, { fit: "inside", withoutEnlargement: true })
    .webp({ quality: 70 })
    .toBuffer();
  return `data:image/webp;base64,${webp.toString("base64")}`;
}
