import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { inTurn } from "../compute.js";
import { realWithin } from "../contain.js";
import type { UiContext } from "../context.js";
import { predictUploads, UPLOAD, UploadError } from "../uploads.js";
import { MissingError } from "./checked.js";

/** Pictures of the user's own, and models to show them to. */
export const predictRoutes = ({ root, index, main }: UiContext) => {
  const turn = inTurn(4);
  return new Hono()
    .get("/models", async (c) => c.json({ models: await index.models(), root, limits: UPLOAD }))
    .post(
      "/models/:id/predict",
      bodyLimit({
        maxSize: UPLOAD.bytes,
        onError: () => {
          throw new UploadError(`an upload may have ${UPLOAD.bytes / 2 ** 20} MiB.`);
        },
      }),
      async (c) => {
        const known = await index.modelFolder(c.req.param("id"));
        const folder = known === undefined ? null : await realWithin(root, known);
        if (folder === null) throw new MissingError(`there is no model "${c.req.param("id")}".`);
        const { pictures = [] } = await c.req.parseBody({ all: true }).catch((error: unknown) => {
          throw error instanceof UploadError ? error : new UploadError("the upload is no form with files.");
        });
        const files = [pictures].flat().filter((part): part is File => part instanceof File);
        return c.json({ predictions: await turn(() => predictUploads(main, folder, files)) });
      },
    );
};
