import { type Context, Hono } from "hono";
import { z } from "zod";
import { readRun } from "../../../report/index.js";
import type { UiContext } from "../context.js";
import { classCounts, evaluationsOf, pictureName, RowQuery, rowsOf } from "../evaluations.js";
import { MissingError, query } from "./checked.js";

const PictureQuery = z.strictObject({ size: z.enum(["thumbnail", "full"]).default("thumbnail") });

/** Rows of predictions, and the pictures that they name. An evaluation is named by its place among the run's. */
export const pictureRoutes = ({ root, index, database, pictures }: UiContext) => {
  const evaluationOf = async (id: string, place: string) => {
    const run = await index.get(id);
    const all = run === undefined ? [] : await evaluationsOf(root, run.folder);
    const found = /^\d{1,3}$/.test(place) ? all[Number(place)] : undefined;
    if (run === undefined || found === undefined) throw new MissingError(`run "${id}" has no evaluation ${place}.`);
    return { run, evaluation: found };
  };
  return new Hono()
    .get("/runs/:id/evaluations/:place/rows", query(RowQuery), async (c) => {
      const { evaluation } = await evaluationOf(c.req.param("id"), c.req.param("place"));
      const { total, rows } = await rowsOf(await database(), evaluation, c.req.valid("query"));
      const name = (label: number): string => evaluation.classes[label] ?? String(label);
      return c.json({
        total,
        rows: rows.map((row) => ({
          ...row,
          labelName: row.label < 0 ? null : name(row.label),
          predictedName: name(row.predicted),
        })),
      });
    })
    .get("/runs/:id/evaluations/:place/classes", async (c) => {
      const { evaluation } = await evaluationOf(c.req.param("id"), c.req.param("place"));
      const counts = new Map((await classCounts(await database(), evaluation.rows)).map((row) => [row.label, row]));
      return c.json({
        classes: evaluation.classes.map((name, label) => ({
          label,
          name,
          n: counts.get(label)?.n ?? 0,
          right: counts.get(label)?.right ?? 0,
        })),
      });
    })
    .get("/runs/:id/evaluations/:place/pictures/:row", query(PictureQuery), async (c) => {
      const { run, evaluation } = await evaluationOf(c.req.param("id"), c.req.param("place"));
      const row = c.req.param("row");
      const name = /^\d{1,9}$/.test(row) ? await pictureName(await database(), evaluation.rows, Number(row)) : null;
      const record = await readRun(run.folder);
      const bytes =
        name === null ? null : await pictures.webp(record, evaluation.source, name, c.req.valid("query").size);
      if (bytes === null) throw new MissingError(`there is no picture ${row}.`);
      return image(c, bytes, "image/webp");
    });
};

const image = (c: Context, bytes: Uint8Array, type: string) =>
  c.body(new Uint8Array(bytes), 200, { "Content-Type": type, "Cache-Control": "private, max-age=3600" });
