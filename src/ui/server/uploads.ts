import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { MAX_PIXELS, pictureSize } from "../../data/index.js";
import { RequestError } from "../../errors.js";
import { compute } from "./compute.js";

/** What may be uploaded at a time. */
export const UPLOAD = {
  files: 16,
  fileBytes: 16 * 2 ** 20,
  bytes: 64 * 2 ** 20,
  pixels: Math.min(50_000_000, MAX_PIXELS),
} as const;

const Predictions = z.array(
  z.looseObject({
    image: z.string(),
    top: z.array(
      z.looseObject({ class: z.string(), name: z.string().optional(), index: z.number(), probability: z.number() }),
    ),
  }),
);

/** What a picture shows; `error` where it could not be read. */
export interface UploadedPrediction {
  readonly name: string;
  readonly top: z.infer<typeof Predictions>[number]["top"];
  readonly error: string | null;
}

/** Where an upload is more than is taken. */
export class UploadError extends RequestError {}

/**
 * Predicts uploaded pictures. The size that a header claims is judged before a pixel is decoded; then they lie in a folder of their
 * own, under names of ours, while a process looks at them.
 * @param model - a model's folder
 */
export async function predictUploads(
  main: string,
  model: string,
  files: readonly File[],
): Promise<UploadedPrediction[]> {
  if (files.length === 0) throw new UploadError("there is no picture; choose some.");
  if (files.length > UPLOAD.files)
    throw new UploadError(`${files.length} pictures are more than ${UPLOAD.files} at a time.`);
  const folder = await mkdtemp(join(tmpdir(), "fixres-ui-"));
  try {
    const errors = new Map<number, string>();
    for (const [i, file] of files.entries()) {
      if (file.size > UPLOAD.fileBytes)
        throw new UploadError(`"${file.name}" has more than ${UPLOAD.fileBytes / 2 ** 20} MiB.`);
      const bytes = new Uint8Array(await file.arrayBuffer());
      const wrong = await fault(bytes, file.name);
      if (wrong === null) await writeFile(join(folder, String(i)), bytes, { flag: "wx" });
      else errors.set(i, wrong);
    }
    const paths = files.flatMap((_, i) => (errors.has(i) ? [] : [join(folder, String(i))]));
    const found =
      paths.length === 0
        ? []
        : Predictions.parse(
            await compute(main, ["predict", "--json", "--on-bad-image=skip", "--top=5", "--", model, ...paths], 120),
          );
    const byPath = new Map(found.map(({ image, top }) => [image, top]));
    return files.map(({ name }, i) => {
      const top = byPath.get(join(folder, String(i)));
      const error = top === undefined ? (errors.get(i) ?? "it cannot be read; it may be damaged.") : null;
      return { name, top: top ?? [], error };
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fault(bytes: Uint8Array, name: string): Promise<string | null> {
  try {
    const { width, height } = await pictureSize(bytes, { name });
    if (width * height <= UPLOAD.pixels) return null;
    return `it has ${width} x ${height} pixels, more than the ${UPLOAD.pixels / 1e6} million that are taken.`;
  } catch (error) {
    return (error as Error).message;
  }
}
