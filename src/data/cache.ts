import type { Picture } from "../pixels/index.js";

/** Decoded pictures of samples, by path. */
export interface PictureCache {
  get(path: string): Picture | undefined;
  /** Keeps a picture while there is room. */
  add(path: string, picture: Picture): void;
}

/**
 * Keeps pictures until `maxBytes` of pixels are full. What came first stays: every epoch wants all pictures once, so
 * putting new ones in place of old ones would only make work.
 */
export function openPictureCache(maxBytes: number): PictureCache {
  const pictures = new Map<string, Picture>();
  let bytes = 0;
  return {
    get: (path) => pictures.get(path),
    add(path, picture) {
      if (pictures.has(path) || bytes + picture.data.length > maxBytes) return;
      bytes += picture.data.length;
      pictures.set(path, picture);
    },
  };
}
