import { Hono } from "hono";
import { z } from "zod";
import { readRun } from "../../../report/index.js";
import type { UiContext } from "../context.js";
import { MissingError, query } from "./checked.js";

const FigureQuery = z.strictObject({
  theme: z.enum(["light", "dark"]).default("light"),
  /** Changes with the run, so that browsers ask again. */
  version: z.string().max(60).optional(),
});

/** The figures of a run, drawn here. */
export const figureRoutes = ({ index, figures }: UiContext) => {
  const figuresOf = async (id: string) => {
    const known = await index.get(id);
    if (known === undefined) throw new MissingError(`there is no run "${id}".`);
    return figures(id, known.folder, await readRun(known.folder));
  };
  return new Hono()
    .get("/runs/:id/figures", async (c) => {
      const found = await figuresOf(c.req.param("id"));
      return c.json({ figures: found.map(({ name, title, subtitle, alt }) => ({ name, title, subtitle, alt })) });
    })
    .get("/runs/:id/figures/:figure", query(FigureQuery), async (c) => {
      const name = c.req.param("figure");
      const found = (await figuresOf(c.req.param("id"))).find((figure) => figure.name === name);
      if (found === undefined) throw new MissingError(`there is no figure "${name}".`);
      const svg = await found.draw(c.req.valid("query").theme);
      return c.body(svg, 200, { "Content-Type": "image/svg+xml", "Cache-Control": "private, max-age=3600" });
    });
};
