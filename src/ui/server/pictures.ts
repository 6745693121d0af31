import { resolve } from "node:path";
import sharp from "sharp";
import { decodePicture, openSplit, type Source } from "../../data/index.js";
import type { RunRecord } from "../../report/index.js";

/** Longest side of what is shown, px. */
const SIDES = { thumbnail: 160, full: 1024 } as const;
export type PictureSize = keyof typeof SIDES;

/** Data sets that are kept open. */
const KEPT = 3;

/** A source with the places of its pictures by name. */
interface Opened {
  readonly source: Source;
  readonly places: ReadonlyMap<string, number>;
}

export type PictureShelf = ReturnType<typeof pictureShelf>;

/**
 * Pictures of the data sets that runs were about. What leaves it was decoded and encoded again: of a file that is no picture nothing
 * does, whatever a record calls it.
 */
export function pictureShelf() {
  const opened = new Map<string, Promise<Opened>>();
  const open = (key: string, path: string, options: { labels?: string; classMap?: string }): Promise<Opened> => {
    const known = opened.get(key);
    if (known !== undefined) return known;
    const work = openSplit(path, "val", options).then((source) => ({
      source,
      places: new Map(Array.from(source.samples, ({ name }, i) => [name, i])),
    }));
    opened.set(key, work);
    work.catch(() => opened.delete(key));
    if (opened.size > KEPT) opened.delete(opened.keys().next().value!);
    return work;
  };
  return {
    /**
     * A picture by the name that it has in a run's rows, as WebP.
     * @returns null where the data no longer have it
     * @throws {DataError} where the data are gone, or the picture cannot be read
     */
    async webp(
      { settings, cwd }: RunRecord,
      fallback: string,
      name: string,
      size: PictureSize,
    ): Promise<Uint8Array | null> {
      const text = (key: string): string | undefined =>
        typeof settings[key] === "string" ? resolve(cwd, settings[key]) : undefined;
      const path = text("data") ?? resolve(cwd, fallback);
      const options = { labels: text("labels"), classMap: text("classMap") };
      const { source, places } = await open(JSON.stringify([path, options]), path, options);
      const index = places.get(name);
      if (index === undefined) return null;
      const file = (await source.read?.(index)) ?? source.samples[index]!.path;
      const picture =
        typeof file === "string" || file instanceof Uint8Array ? await decodePicture(file, { name }) : file;
      const { width, height, data } = picture;
      const side = SIDES[size];
      return sharp(data, { raw: { width, height, channels: 3 } })
        .resize(side, side, { fit: "inside", withoutEnlargement: true })
        .webp({ quality: size === "full" ? 90 : 80 })
        .toBuffer();
    },
  };
}
