import { z } from "zod";
import type { RunRecord } from "../runs/index.js";

/** Accuracy of something at one test resolution. */
export interface AccuracyAt {
  /** What was measured, such as `before`. */
  readonly name: string;
  /** px */
  readonly resolution: number;
  readonly top1: number;
  readonly ci95: readonly [low: number, high: number];
  readonly n: number;
  /** Of the model, and of one picture through it, where they are known. */
  readonly parameters?: number;
  readonly macs?: number;
}

const Accuracy = z.object({ top1: z.number(), ci95: z.tuple([z.number(), z.number()]), n: z.number() });
type Accuracy = z.infer<typeof Accuracy>;

// Of a result, what is read here; results of earlier or later versions may lack some of it.
const Swept = z.object({ rows: z.array(Accuracy.extend({ resolution: z.number() })) });
const SweptTuned = z.object({
  rows: z.array(z.object({ resolution: z.number(), recipe: z.string(), before: Accuracy, after: Accuracy })),
});
const Tuned = z.object({ resolution: z.number(), beforeMetrics: Accuracy, afterMetrics: Accuracy });
const Evaluated = Accuracy.extend({ preprocessing: z.object({ resolution: z.number() }) });
const Compared = z.object({
  rows: z.array(
    Accuracy.extend({
      model: z.string(),
      head: z.object({
        model: z.object({ parameters: z.number() }),
        settings: z.object({ resolution: z.number() }),
      }),
    }),
  ),
});
/** A round of students, and the series of them. */
const Taught = z.object({ round: z.number(), arch: z.string(), val: Accuracy });
const Students = z.object({ teacher: z.object({ val: Accuracy }).nullable(), rounds: z.array(Taught) });
const Trained = z.object({
  best: z.object({ epoch: z.number() }),
  epochs: z.array(z.object({ epoch: z.number(), val: Accuracy })),
});

/** What a run has measured of accuracy, by test resolution; nothing where it is not that far or its result is not known here. */
export function accuraciesOf({ kind, result, settings, model }: RunRecord): AccuracyAt[] {
  const at = (name: string, resolution: number, { top1, ci95, n }: Accuracy): AccuracyAt => {
    const macs = model?.macs.find((one) => one.resolution === resolution)?.macs;
    const cost = { ...(macs !== undefined && { macs }), ...(model !== null && { parameters: model.parameters }) };
    return { name, resolution, top1, ci95, n, ...cost };
  };
  switch (kind) {
    case "sweep": {
      const tuned = SweptTuned.safeParse(result);
      if (tuned.success) {
        const recipes = new Set(tuned.data.rows.map(({ recipe }) => recipe));
        const after = (recipe: string): string => (recipes.size === 1 ? "after" : `after, ${recipe}`);
        const [first] = recipes;
        return tuned.data.rows.flatMap(({ resolution, recipe, ...row }) => [
          ...(recipe === first ? [at("before", resolution, row.before)] : []),
          at(after(recipe), resolution, row.after),
        ]);
      }
      return Swept.safeParse(result).data?.rows.map((row) => at("as it came", row.resolution, row)) ?? [];
    }
    case "tune": {
      const { data } = Tuned.safeParse(result);
      if (data === undefined) return [];
      return [at("before", data.resolution, data.beforeMetrics), at("after", data.resolution, data.afterMetrics)];
    }
    case "eval": {
      const { data } = Evaluated.safeParse(result);
      return data === undefined ? [] : [at("measured", data.preprocessing.resolution, data)];
    }
    case "compare":
      return (Compared.safeParse(result).data?.rows ?? []).map((row) => ({
        ...at(row.model, row.head.settings.resolution, row),
        parameters: row.head.model.parameters,
      }));
    case "train": {
      const { data } = Trained.safeParse(result);
      const best = data?.epochs.find(({ epoch }) => epoch === data.best.epoch);
      const resolution = settings["test.resolution"];
      const series = Students.safeParse(result).data;
      const rounds = series?.rounds ?? Taught.safeParse(result).data;
      if (rounds !== undefined && typeof resolution === "number") {
        const teacherResolution = settings["teacherTest.resolution"];
        const teacher = series?.teacher;
        const before =
          teacher && typeof teacherResolution === "number"
            ? [withoutCost(at("teacher", teacherResolution, teacher.val))]
            : [];
        const after = [rounds].flat().map(({ round, arch, val }) => {
          const one = at(`round ${round}`, resolution, val);
          // The model is that of the first round.
          return arch === model?.arch ? one : withoutCost(one);
        });
        return [...before, ...after];
      }
      return best === undefined || typeof resolution !== "number" ? [] : [at("best epoch", resolution, best.val)];
    }
    default:
      return kind satisfies never;
  }
}

const withoutCost = ({ macs: _, parameters: __, ...one }: AccuracyAt): AccuracyAt => one;
