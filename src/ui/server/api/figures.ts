import { Hono } from "hono";
import { z } from "zod";
import type { UiContext } from "../context.js";
import { MissingError, query } from "./checked.js";

const FigureQuery = z.strictObject({
  theme: z.enum(["light", "dark"]).default("light"),
  /** Changes with the run, so that browsers ask again. */
  version: z.string().max(60).optional(),
});

interface FigureTitle {
  readonly name: string;
  readonly title: string;
  readonly description: string;
}

/** The figures of a run, drawn here. */
export const figureRoutes = (_: UiContext) =>
  new Hono()
    .get("/runs/:id/figures", (c) => c.json({ figures: [] as FigureTitle[] }))
    .get("/runs/:id/figures/:figure", query(FigureQuery), (c) => {
      if (c.req.param("figure") !== "") throw new MissingError("there is no such figure.");
      return c.body("");
    });
