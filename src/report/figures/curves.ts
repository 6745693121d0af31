import type { TopLevelSpec } from "vega-lite";
import { percent } from "../../format.js";
import type { RunFindings } from "../findings/index.js";
import type { RunEpoch } from "../runs/index.js";
import { COLOURS, CONFIG, GROUND, SHAPES } from "../theme.js";
import { type AbsentFigure, type Figure, HEIGHT, WIDTH } from "./figure.js";

/** A curve: what an epoch's row calls it, and what readers do. */
type Series = readonly [key: string, name: string];

interface About {
  readonly name: string;
  readonly title: string;
  readonly series: readonly Series[];
  /** Of the axis. */
  readonly unit: string;
  /** What values are multiplied by. */
  readonly scale: number;
  readonly shown: (value: number) => string;
}

const LOSS: About = {
  name: "loss",
  title: "Loss",
  series: [
    ["trainLoss", "training"],
    ["valLoss", "validation"],
    ["triedLoss", "training, to choose the epoch"],
    ["judgedLoss", "pictures that choose"],
  ],
  unit: "Cross-entropy",
  scale: 1,
  shown: (value) => value.toFixed(4),
};

const ACCURACY: About = {
  name: "accuracy",
  title: "Accuracy",
  series: [
    ["trainTop1", "training, top-1"],
    ["valTop1", "validation, top-1"],
    ["valTop5", "validation, top-5"],
    ["judgedTop1", "pictures that choose, top-1"],
  ],
  unit: "Accuracy, %",
  scale: 100,
  shown: percent,
};

/** Losses that differ by more than this are drawn on a logarithmic axis. */
const WIDE = 30;

/** Points are drawn on curves of at most so many epochs; more are a line already. */
const DOTTED = 60;

/** Loss and accuracy over epochs. */
export function curves({ run }: RunFindings): readonly Figure[] | AbsentFigure {
  const figures = [curveFigure(run.epochs, LOSS), curveFigure(run.epochs, ACCURACY)].filter((one) => one !== null);
  if (figures.length > 0) return figures;
  const { kind } = run;
  const why =
    kind === "train"
      ? "no epoch is over yet."
      : kind === "tune"
        ? "no epoch was told of; the solver lbfgs has none."
        : `${kind} has no epochs that it keeps.`;
  return { title: "Loss and accuracy curves", why };
}

function curveFigure(epochs: readonly RunEpoch[], { name, title, unit, scale, shown, ...about }: About): Figure | null {
  const series = about.series.filter(([key]) => epochs.some((row) => typeof row[key] === "number"));
  if (series.length === 0) return null;
  const labels = series.map(([, label]) => label);
  const values = epochs.flatMap((row) =>
    series.flatMap(([key, label]) =>
      typeof row[key] === "number" ? [{ epoch: row.epoch, label, value: scale * row[key] }] : [],
    ),
  );
  const numbers = values.map(({ value }) => value);
  const least = numbers.reduce((a, b) => Math.min(a, b));
  const wide = scale === 1 && least > 0 && numbers.reduce((a, b) => Math.max(a, b)) > WIDE * least;
  const bands = scale === 1 ? [] : epochs.flatMap(bandOf);
  const x = {
    field: "epoch",
    type: "quantitative",
    axis: { title: "Epoch", tickMinStep: 1, format: "d", grid: false },
    scale: { zero: false, nice: false },
  } as const;
  const y = {
    type: "quantitative",
    axis: { title: unit, tickCount: 6, ...(wide ? { values: powersOfTen(numbers), format: "~g" } : {}) },
    scale: wide ? ({ type: "log" } as const) : { zero: false },
  } as const;
  const colour = { field: "label", type: "nominal", scale: { domain: labels, range: COLOURS } } as const;
  const shape = { ...colour, scale: { domain: labels, range: SHAPES } } as const;
  const bandColour = COLOURS[labels.indexOf("validation, top-1")] ?? COLOURS[0]!;
  const spec: TopLevelSpec = {
    ...{ width: WIDTH, height: HEIGHT, padding: 14, background: GROUND, config: CONFIG },
    layer: [
      {
        data: { values: bands },
        mark: { type: "area", opacity: 0.14, color: bandColour },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" } },
      },
      {
        data: { values },
        mark: { type: "line", strokeWidth: 2 },
        encoding: { x, y: { ...y, field: "value" }, color: colour },
      },
      {
        data: { values: epochs.length > DOTTED ? [] : values },
        mark: { type: "point", filled: true, size: 48, opacity: 1 },
        encoding: { x, y: { ...y, field: "value" }, color: colour, shape },
      },
    ],
  };
  const cell = (row: RunEpoch, key: string): string => (typeof row[key] === "number" ? shown(row[key]) : "-");
  const ends = series.map(([key, label]) => `${label} ${cell(epochs.at(-1)!, key)}`);
  return {
    ...{ name, title, spec },
    ...(wide ? { subtitle: "logarithmic axis" } : {}),
    alt: `${title} over ${epochs.length} epochs; in the last, ${ends.join(", ")}.`,
    table: {
      head: ["epoch", ...labels],
      rows: epochs.map((row) => [String(row.epoch), ...series.map(([key]) => cell(row, key))]),
    },
    ...(bands.length > 0 ? { note: "The band is the 95% interval of the validation's top-1." } : {}),
  };
}

const bandOf = ({ epoch, valTop1Low, valTop1High }: RunEpoch) =>
  typeof valTop1Low === "number" && typeof valTop1High === "number"
    ? [{ epoch, low: 100 * valTop1Low, high: 100 * valTop1High }]
    : [];

/** The powers of ten around some numbers. */
function powersOfTen(numbers: readonly number[]): number[] {
  const exponents = numbers.map((value) => Math.log10(value));
  const [first, last] = [Math.min(...exponents), Math.max(...exponents)];
  return Array.from({ length: Math.ceil(last) - Math.floor(first) + 1 }, (_, i) => 10 ** (Math.floor(first) + i));
}
