import { relative } from "node:path";
import { Hono } from "hono";
import { z } from "zod";
import { readRun } from "../../../report/index.js";
import type { UiContext } from "../context.js";
import { evaluationsOf } from "../evaluations.js";
import { MissingError, query } from "./checked.js";

const FigureQuery = z.strictObject({
  theme: z.enum(["light", "dark"]).default("light"),
  /** Changes with the run, so that browsers ask again. */
  version: z.string().max(60).optional(),
});

/** The figures of a run, drawn here. */
export const figureRoutes = ({ root, index, figures }: UiContext) => {
  const figuresOf = async (id: string) => {
    const known = await index.get(id);
    if (known === undefined) throw new MissingError(`there is no run "${id}".`);
    return { folder: known.folder, found: await figures(id, known.folder, await readRun(known.folder)) };
  };
  return new Hono()
    .get("/runs/:id/figures", async (c) => {
      const { folder, found } = await figuresOf(c.req.param("id"));
      const evaluations = await evaluationsOf(root, folder);
      return c.json({
        figures: found.map(({ name, title, subtitle, note, alt, cells }) => {
          const place = evaluations.findIndex((one) => relative(one.folder, cells ?? "") === "");
          // Where its cells lead to: pictures of the evaluation at this place.
          return { name, title, subtitle, note, alt, cells: cells === null || place < 0 ? null : place };
        }),
      });
    })
    .get("/runs/:id/figures/:figure", query(FigureQuery), async (c) => {
      const name = c.req.param("figure");
      const { found: all } = await figuresOf(c.req.param("id"));
      const found = all.find((figure) => figure.name === name);
      if (found === undefined) throw new MissingError(`there is no figure "${name}".`);
      const svg = await found.draw(c.req.valid("query").theme);
      return c.body(svg, 200, { "Content-Type": "image/svg+xml", "Cache-Control": "private, max-age=3600" });
    });
};
