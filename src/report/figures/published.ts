import type { TopLevelSpec } from "vega-lite";
import { type Protocol, publishedResults } from "../../evaluate/index.js";
import { percent } from "../../format.js";
import { architecture, networkMultiplyAdds } from "../../models/index.js";
import { shortText } from "../escape.js";
import { type AccuracyAt, protocolOfRun, type RunFindings } from "../findings/index.js";
import { DATA_NAMES } from "../results.js";
import { COLOURS, CONFIG, GROUND, SHAPES, SMALL } from "../theme.js";
import { type AbsentFigure, type Figure, HEIGHT, WIDTH } from "./figure.js";

const TITLE = "Accuracy and cost, beside published results";

/** Published trainings that are drawn as curves, from B0 up; the most that differ in colour beside what was measured. */
const CURVES = [
  "EfficientNet + AutoAugment",
  "EfficientNet + AdvProp",
  "EfficientNet + Noisy Student",
  "FixRes on AdvProp",
  "FixRes on Noisy Student",
];
const MEASURED = "measured here";

interface Point {
  readonly curve: string;
  readonly name: string;
  readonly resolution: number;
  readonly top1: number;
  readonly low?: number;
  readonly high?: number;
  readonly parameters?: number;
  readonly macs?: number;
}

/** Accuracy against multiply-adds and against parameters (arXiv 2003.08237, figure 1). */
export function besidePublished(found: RunFindings): readonly Figure[] | AbsentFigure {
  const { accuracies } = found;
  if (accuracies.every(({ parameters }) => parameters === undefined))
    return { title: TITLE, why: "the run has measured no accuracy of a model whose size is known." };
  const protocol = protocolOfRun(found);
  const published = publishedPoints(protocol ?? "imagenet-val");
  const note = `Published results are of ${DATA_NAMES[protocol ?? "imagenet-val"]}${protocol === null ? "; what was measured here is of other pictures, so that heights do not compare" : ""}.`;
  const measured = accuracies.map(measuredPoint);
  return [
    figure("macs", "multiply-adds", "Multiply-adds of a picture, 10\u2079", 1e9),
    figure("parameters", "parameters", "Parameters, 10\u2076", 1e6),
  ].filter((one) => one !== null);

  function figure(key: "macs" | "parameters", words: string, axis: string, unit: number): Figure | null {
    const own = measured.filter((point) => point[key] !== undefined);
    if (own.length === 0) return null;
    const title = `Accuracy over ${words}`;
    const all = [...published, ...own].map((point) => ({ ...point, cost: point[key]! / unit }));
    return {
      name: `accuracy-${words}`,
      title,
      spec: spec(axis, all),
      alt: `Top-1 accuracy over ${words}: ${own.length} measured here, beside ${published.length} published results in ${CURVES.length} curves.`,
      table: {
        head: ["", "resolution, px", words, "top-1"],
        rows: [...own, ...published].map((point) => [
          ...[
            point.curve === MEASURED ? point.name : `${point.name} (published, ${point.curve})`,
            String(point.resolution),
          ],
          ...[`${Number((point[key]! / unit).toPrecision(3))} ${unit === 1e9 ? "G" : "M"}`, percent(point.top1 / 100)],
        ]),
      },
      note,
    };
  }
}

const measuredPoint = ({ name, resolution, top1, ci95, parameters, macs }: AccuracyAt): Point => ({
  ...{ curve: MEASURED, name: shortText(name), resolution, top1: 100 * top1, low: 100 * ci95[0], high: 100 * ci95[1] },
  ...(parameters !== undefined && { parameters }),
  ...(macs !== undefined && { macs }),
});

/** Multiply-adds take a while to count, and never change. */
const counted = new Map<string, number>();

function publishedPoints(protocol: Protocol): Point[] {
  return publishedResults()
    .filter((row) => row.protocol === protocol && CURVES.includes(row.training))
    .map(({ arch, training, resolution, parameters, top1 }) => {
      const key = `${arch} ${resolution}`;
      const macs = counted.get(key) ?? networkMultiplyAdds(architecture(arch), 1000, resolution);
      counted.set(key, macs);
      return { curve: training, name: arch, resolution, parameters, macs, top1: 100 * top1 };
    });
}

function spec(axis: string, values: readonly (Point & { readonly cost: number })[]): TopLevelSpec {
  const domain = [MEASURED, ...CURVES];
  const x = {
    field: "cost",
    type: "quantitative",
    scale: { type: "log", nice: false, padding: 12 },
    axis: { title: axis, grid: false, format: "~g", tickCount: 6, labelOverlap: "greedy" },
  } as const;
  const y = {
    type: "quantitative",
    scale: { zero: false, padding: 8 },
    axis: { title: "Top-1 accuracy, %", tickCount: 6 },
  } as const;
  // Not the sixth, which is a blue as the first is.
  const range = COLOURS.filter((_, i) => i !== 5);
  const colour = { field: "curve", type: "nominal", scale: { domain, range } } as const;
  const shape = { ...colour, scale: { domain, range: SHAPES } } as const;
  const own = values.filter(({ curve }) => curve === MEASURED);
  const others = values.filter(({ curve }) => curve !== MEASURED);
  return {
    ...{ width: WIDTH, height: HEIGHT, padding: 14, background: GROUND, config: CONFIG },
    layer: [
      {
        data: { values: others },
        mark: { type: "line", strokeWidth: 1.5, opacity: 0.8 },
        encoding: { x, y: { ...y, field: "top1" }, color: colour },
      },
      {
        data: { values: others },
        mark: { type: "point", filled: true, size: 36, opacity: 1 },
        encoding: { x, y: { ...y, field: "top1" }, color: colour, shape },
      },
      {
        data: { values: own },
        mark: { type: "rule", strokeWidth: 1.5 },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color: colour },
      },
      {
        data: { values: own },
        mark: { type: "point", filled: true, size: 90, opacity: 1, stroke: GROUND, strokeWidth: 1 },
        encoding: { x, y: { ...y, field: "top1" }, color: colour, shape },
      },
      {
        data: { values: own.length > 4 ? [] : own },
        mark: { type: "text", align: "left", dx: 8, fontSize: SMALL, color: COLOURS[0]! },
        encoding: { x, y: { ...y, field: "top1" }, text: { field: "name" } },
      },
    ],
  };
}
