import { availableParallelism } from "node:os";
import { DataError } from "../errors.js";
import type { Size } from "../pixels/index.js";
import { inOrder } from "./ahead.js";
import { type DecodeOptions, pictureSize } from "./decode.js";
import { contentOf } from "./loader.js";
import { type Source, shown } from "./source.js";

/**
 * The size of each picture of a source, in its order, from headers alone; or why one has none.
 * @param options - `exifOrientation`: whether pictures are turned as their EXIF blocks say
 */
export async function* pictureSizes(
  source: Source,
  options: Pick<DecodeOptions, "exifOrientation"> = {},
): AsyncGenerator<Size | DataError> {
  const sizeOf = async (index: number): Promise<Size | DataError> => {
    try {
      const content = await contentOf(source, index);
      if (typeof content !== "string" && "width" in content) return content;
      return await pictureSize(content, { ...options, name: shown(source.samples[index]!.path) });
    } catch (error) {
      if (error instanceof DataError) return error;
      throw error;
    }
  };
  const running = Math.max(2 * availableParallelism(), 4);
  yield* inOrder(source.samples.length, sizeOf, { running, waiting: 4 * running });
}
