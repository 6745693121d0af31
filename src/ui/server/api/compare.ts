import { Hono } from "hono";
import { z } from "zod";
import type { Comparison } from "../../../evaluate/index.js";
import { readRun, type Setting } from "../../../report/index.js";
import { compute, inTurn } from "../compute.js";
import type { UiContext } from "../context.js";
import { evaluationsOf } from "../evaluations.js";
import { MissingError, query } from "./checked.js";

const CompareQuery = z.strictObject({
  runs: z
    .string()
    .max(400)
    .transform((text) => text.split(",").filter(Boolean))
    .refine((ids) => ids.length >= 1 && ids.length <= 8, "compare 1 to 8 runs"),
});

/** Seconds that a comparison may take: of two million rows it takes about one minute. */
const PATIENCE_S = 300;

/** How a setting is in each run; absent where a run has none. */
export interface SettingRow {
  readonly name: string;
  readonly values: readonly (Setting | undefined)[];
  readonly differs: boolean;
}

/** Runs beside each other: their settings, and the paired tests of their last evaluations. */
export const compareRoutes = ({ root, index, main }: UiContext) => {
  const turn = inTurn(4);
  const tested = new Map<string, NamedComparison>();
  const open = (ids: readonly string[]) =>
    Promise.all(
      ids.map(async (id) => {
        const known = await index.get(id);
        if (known === undefined) throw new MissingError(`there is no run "${id}".`);
        return known;
      }),
    );
  return new Hono()
    .get("/compare", query(CompareQuery), async (c) => {
      const runs = await open(c.req.valid("query").runs);
      const records = await Promise.all(runs.map(({ folder }) => readRun(folder)));
      const names = [...new Set(records.flatMap(({ settings }) => Object.keys(settings)))].sort();
      const settings = names.map((name): SettingRow => {
        const values = records.map((record) => record.settings[name]);
        return { name, values, differs: new Set(values.map((value) => JSON.stringify(value))).size > 1 };
      });
      const withRecord = runs.map(({ summary }, i) => ({ ...summary, epochRows: records[i]!.epochs }));
      return c.json({ runs: withRecord, settings });
    })
    .get("/compare/tests", query(CompareQuery), async (c) => {
      const runs = await open(c.req.valid("query").runs);
      const found = await Promise.all(runs.map(async ({ folder }) => (await evaluationsOf(root, folder)).at(-1)));
      const measured = runs.flatMap(({ summary }, i) =>
        found[i] === undefined ? [] : [{ summary, evaluation: found[i] }],
      );
      const without = runs.filter((_, i) => found[i] === undefined).map(({ summary }) => summary.name);
      const names = new Map(
        measured.map(({ summary, evaluation: { folder, part } }) => [
          folder,
          part === null ? summary.name : `${summary.name}: ${part}`,
        ]),
      );
      if (measured.length < 2) return c.json({ comparison: null as NamedComparison | null, without });
      const key = JSON.stringify(measured.map(({ summary, evaluation }) => [evaluation.folder, summary.updated]));
      let comparison = tested.get(key);
      if (comparison === undefined) {
        const argv = ["compare", "--json", "--published=none", "--", ...names.keys()];
        comparison = named((await turn(() => compute(main, argv, PATIENCE_S))) as Comparison, names);
        tested.set(key, comparison);
        if (tested.size > 20) tested.delete(tested.keys().next().value!);
      }
      return c.json({ comparison: comparison as NamedComparison | null, without });
    });
};

type NamedComparison = ReturnType<typeof named>;

/** A comparison by the names of runs, not by their paths. */
function named({ n, rows, pairs, notes }: Comparison, names: ReadonlyMap<string, string>) {
  const called = (folder: string): string => names.get(folder) ?? folder;
  return {
    n,
    notes: notes.map((note) => [...names].reduce((text, [folder, name]) => text.replaceAll(folder, name), note)),
    rows: rows.map(({ model, top1, top5, loss, ece, n: own, ci95 }) => ({
      name: called(model),
      top1,
      top5,
      loss,
      ece,
      n: own,
      ci95,
    })),
    pairs: pairs.map((pair) => ({ ...pair, first: called(pair.first), second: called(pair.second) })),
  };
}
