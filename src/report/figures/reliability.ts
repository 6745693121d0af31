import type { CalibrationBin } from "../../evaluate/index.js";
import { wilson } from "../../evaluate/index.js";
import { percent } from "../../format.js";
import { type EvaluationFindings, NO_ROWS, type RunFindings } from "../findings/index.js";
import { COLOURS, CONFIG, GROUND, MUTED } from "../theme.js";
import { type AbsentFigure, type Figure, WIDTH } from "./figure.js";

const TITLE = "Reliability";

/** Accuracy over confidence, and how many pictures have which (Guo et al. 2017, arXiv 1706.04599, figure 1); a figure an evaluation. */
export function reliability({ evaluations }: RunFindings): readonly Figure[] | AbsentFigure {
  if (evaluations.length === 0) return { title: TITLE, why: NO_ROWS };
  return evaluations.map((one) => diagram(one, evaluations.length === 1));
}

type Full = CalibrationBin & { readonly confidence: number; readonly accuracy: number };

function diagram({ name, calibration: { bins, ece }, n }: EvaluationFindings, alone: boolean): Figure {
  const full = bins.filter((bin): bin is Full => bin.n > 0 && bin.confidence !== null && bin.accuracy !== null);
  const values = full.map((bin) => {
    const [low, high] = wilson(Math.round(bin.accuracy * bin.n), bin.n);
    return {
      ...{ from: 100 * bin.low, to: 100 * bin.high, n: bin.n },
      ...{ confidence: 100 * bin.confidence, accuracy: 100 * bin.accuracy, low: 100 * low, high: 100 * high },
    };
  });
  const title = alone ? TITLE : `${TITLE}, ${name}`;
  const scale = { domain: [0, 100], nice: false };
  const x = { type: "quantitative", scale, axis: { title: "Confidence, %", grid: false, tickCount: 5 } } as const;
  const y = { type: "quantitative", scale, axis: { title: "Accuracy, %", tickCount: 5 } } as const;
  return {
    name: alone ? "reliability" : `reliability-${name}`,
    title,
    subtitle: `expected calibration error ${percent(ece)}`,
    spec: {
      ...{ padding: 14, background: GROUND, config: CONFIG, spacing: 8 },
      vconcat: [
        {
          ...{ width: 0.8 * WIDTH, height: 0.6 * WIDTH },
          layer: [
            {
              data: { values: [{ a: 0 }, { a: 100 }] },
              mark: { type: "line", color: MUTED, strokeDash: [4, 4], strokeWidth: 1 },
              encoding: { x: { ...x, field: "a" }, y: { ...y, field: "a" } },
            },
            {
              data: { values },
              mark: { type: "rect", color: COLOURS[0]!, opacity: 0.22 },
              encoding: {
                x: { ...x, field: "from" },
                x2: { field: "to" },
                y: { ...y, field: "accuracy" },
                y2: { datum: 0 },
              },
            },
            {
              data: { values },
              mark: { type: "rule", color: COLOURS[0]!, strokeWidth: 1.5 },
              encoding: { x: { ...x, field: "confidence" }, y: { ...y, field: "low" }, y2: { field: "high" } },
            },
            {
              data: { values },
              mark: { type: "point", filled: true, color: COLOURS[0]!, size: 48, opacity: 1 },
              encoding: { x: { ...x, field: "confidence" }, y: { ...y, field: "accuracy" } },
            },
          ],
        },
        {
          ...{ width: 0.8 * WIDTH, height: 56 },
          data: { values },
          mark: { type: "rect", color: MUTED, opacity: 0.55 },
          encoding: {
            x: { ...x, field: "from", axis: { ...x.axis, title: null, labels: false } },
            x2: { field: "to" },
            y: { field: "n", type: "quantitative", axis: { title: "Pictures", tickCount: 2, format: "~s" } },
            y2: { datum: 0 },
          },
        },
      ],
    },
    alt: `Accuracy over confidence of ${n} pictures in ${full.length} bins; on the dashed diagonal they agree. Expected calibration error ${percent(ece)}.`,
    table: {
      head: ["confidence", "pictures", "mean confidence", "accuracy"],
      rows: full.map((bin) => [
        ...[`${percent(bin.low, 0)} to ${percent(bin.high, 0)}`, String(bin.n)],
        ...[percent(bin.confidence), percent(bin.accuracy)],
      ]),
    },
    note: "Points stand at a bin's mean confidence, with the 95% interval of its accuracy.",
  };
}
