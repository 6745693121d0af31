import { Hono } from "hono";
import { z } from "zod";
import { RUN_KINDS, RUN_STATUSES, readRun } from "../../../report/index.js";
import type { UiContext } from "../context.js";
import { evaluationsOf } from "../evaluations.js";
import type { RunSummary } from "../run-index.js";
import { MissingError, query } from "./checked.js";

const ListQuery = z.strictObject({
  page: z.coerce.number().int().min(0).default(0),
  size: z.coerce.number().int().min(1).max(200).default(50),
  kind: z.enum(RUN_KINDS).optional(),
  status: z.enum(RUN_STATUSES).optional(),
  /** Words that must all be there: of the name, or `setting=value`. */
  text: z.string().max(200).optional(),
  sort: z.enum(["started", "-started", "name", "-name", "top1", "-top1"]).default("-started"),
});

type Order = (a: RunSummary, b: RunSummary) => number;
const byName: Order = (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
const byStart: Order = (a, b) => (a.started < b.started ? -1 : a.started > b.started ? 1 : 0);
/** Runs without an accuracy come last, whichever way. */
const byTop1 =
  (sign: number): Order =>
  (a, b) =>
    a.top1 === null || b.top1 === null ? Number(a.top1 === null) - Number(b.top1 === null) : sign * (a.top1 - b.top1);
const ORDERS: Readonly<Record<z.infer<typeof ListQuery>["sort"], Order>> = {
  started: byStart,
  "-started": (a, b) => byStart(b, a),
  name: byName,
  "-name": (a, b) => byName(b, a),
  top1: byTop1(1),
  "-top1": byTop1(-1),
};

/** Lists of runs, and what one is. */
export const runRoutes = ({ root, index, children }: UiContext) =>
  new Hono()
    .get("/runs", query(ListQuery), async (c) => {
      const { page, size, kind, status, text = "", sort } = c.req.valid("query");
      const words = text.toLowerCase().split(/\s+/).filter(Boolean);
      const all = await index.list();
      const found = all
        .filter(
          ({ summary, words: own }) =>
            (kind === undefined || summary.kind === kind) &&
            (status === undefined || summary.status === status) &&
            words.every((word) => own.includes(word)),
        )
        .map(({ summary }) => summary);
      if (sort !== "-started") found.sort(ORDERS[sort]);
      return c.json({ all: all.length, total: found.length, runs: found.slice(page * size, (page + 1) * size) });
    })
    .get("/runs/:id", async (c) => {
      const id = c.req.param("id");
      const [known, started] = [await index.get(id), children.get(id)];
      if (known === undefined && started === undefined) throw new MissingError(`there is no run "${id}".`);
      const record = known === undefined ? null : await readRun(known.folder);
      const evaluations = known === undefined ? [] : await evaluationsOf(root, known.folder);
      return c.json({
        id,
        name: known?.summary.name ?? started!.name,
        summary: known?.summary ?? null,
        record,
        evaluations: evaluations.map(({ part, n, top1, top5, loss }) => ({ part, n, top1, top5, loss })),
        started: started ?? null,
        log: await children.log(id),
      });
    });
