import type { TopLevelSpec } from "vega-lite";
import { COLOURS, CONFIG, GROUND, LABEL_SIZE, MUTED, SHAPES, SMALL } from "./theme.js";

/** Accuracy at one test resolution. */
export interface SweepPoint {
  /** px */
  readonly resolution: number;
  /** Fraction in [0, 1]. */
  readonly top1: number;
  /** 95% interval of `top1`. */
  readonly ci95: readonly [low: number, high: number];
}

/** Accuracy of one or more models over test resolutions. */
export interface SweepChart {
  readonly title: string;
  readonly subtitle?: string;
  /** At most as many as there are `COLOURS`. */
  readonly curves: readonly { readonly name: string; readonly points: readonly SweepPoint[] }[];
  /** Resolutions that a vertical line is drawn at. */
  readonly marks?: { readonly trainResolution?: number; readonly fixResolution?: number };
}

/** Plot area, px. */
const WIDTH = 460;
const HEIGHT = 280;

/** The chart in Vega-Lite's grammar. Fields are percentages. */
export function sweepSpec({ title, subtitle, curves, marks = {} }: SweepChart): TopLevelSpec {
  const rows = curves.flatMap(({ name, points }, curve) =>
    points.map(({ resolution, top1, ci95: [low, high] }) => ({
      curve: String(curve),
      name,
      resolution,
      top1: 100 * top1,
      low: 100 * low,
      high: 100 * high,
      single: points.length === 1,
    })),
  );
  const single = rows.every((row) => row.single);
  // Curves of one point may stand at the same place: their bars stand side by side.
  const aside = { expr: single ? `(datum.curve - ${(curves.length - 1) / 2}) * 12` : "0" };
  const resolutions = [...new Set(rows.map(({ resolution }) => resolution))].sort((a, b) => a - b);
  const lines = verticals(marks);
  const xDomain = range([...resolutions, ...lines.map(({ resolution }) => resolution)], 0.05, 4);
  const [low, high] = range(
    rows.flatMap(({ low, high }) => [low, high]),
    0.06,
    0.5,
  );
  const yDomain: [number, number] = [Math.max(0, low), Math.min(100, high)];

  const x = { field: "resolution", type: "quantitative", scale: { domain: xDomain, nice: false } } as const;
  const y = { type: "quantitative" as const, scale: { domain: yDomain, zero: false, nice: false } };
  const colour = {
    field: "curve",
    type: "nominal",
    scale: { domain: curves.map((_, i) => String(i)), range: COLOURS },
    legend: null,
  } as const;
  const shape = { ...colour, scale: { ...colour.scale, range: SHAPES } } as const;
  const names = curveNames(curves, yDomain);
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    width: WIDTH,
    height: HEIGHT,
    padding: 14,
    background: GROUND,
    title: { text: title, ...(subtitle === undefined ? {} : { subtitle }) },
    data: { values: rows },
    layer: [
      {
        data: { values: lines },
        mark: { type: "rule", color: MUTED, strokeDash: [4, 4], strokeWidth: 1 },
        encoding: { x },
      },
      {
        data: { values: lines },
        mark: {
          type: "text",
          baseline: "bottom",
          y: -5,
          color: MUTED,
          fontSize: SMALL,
          align: { expr: "datum.align" },
        },
        encoding: { x, text: { field: "label" } },
      },
      {
        mark: { type: "area", opacity: 0.14, interpolate: "linear" },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color: colour },
      },
      {
        // A band of one point has no width.
        transform: [{ filter: "datum.single" }],
        mark: { type: "rule", strokeWidth: 1.5, opacity: 0.6, xOffset: aside },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color: colour },
      },
      {
        mark: { type: "line", strokeWidth: 2.25, interpolate: "linear" },
        encoding: { x, y: { ...y, field: "top1" }, color: colour },
      },
      {
        mark: { type: "point", filled: true, size: 56, opacity: 1, stroke: GROUND, strokeWidth: 1, xOffset: aside },
        encoding: {
          x: { ...x, axis: { values: resolutions, title: "Test resolution, px" } },
          y: { ...y, field: "top1", axis: { title: "Top-1 accuracy, %" } },
          color: colour,
          shape,
        },
      },
      {
        data: { values: names },
        mark: {
          type: "text",
          align: "left",
          baseline: "middle",
          x: WIDTH,
          dx: 8,
          fontSize: LABEL_SIZE,
          fontWeight: "bold",
        },
        encoding: { y: { ...y, field: "place" }, text: { field: "name" }, color: colour },
      },
      {
        data: {
          values: [{ note: single ? "bars: 95% intervals" : "bands: 95% intervals" }],
        },
        mark: { type: "text", align: "right", x: WIDTH, y: HEIGHT + 35, color: MUTED, fontSize: SMALL },
        encoding: { text: { field: "note" } },
      },
    ],
    config: {
      ...CONFIG,
      axisX: { grid: false, labelOverlap: "greedy", labelSeparation: 6, format: "d" },
      axisY: { domain: false, ticks: false, tickCount: 6 },
    },
  };
}

/** The vertical lines, lower first. Their names stand above the plot and turn away from each other. */
function verticals({ trainResolution, fixResolution }: NonNullable<SweepChart["marks"]>): Vertical[] {
  if (trainResolution !== undefined && trainResolution === fixResolution) {
    return [{ resolution: trainResolution, label: `trained and fixed at ${trainResolution}`, align: "center" }];
  }
  const lines = [
    ...(trainResolution === undefined ? [] : [{ resolution: trainResolution, label: `trained at ${trainResolution}` }]),
    ...(fixResolution === undefined ? [] : [{ resolution: fixResolution, label: `fixed at ${fixResolution}` }]),
  ].sort((a, b) => a.resolution - b.resolution);
  return lines.map((line, i) => ({ ...line, align: lines.length === 1 ? "center" : i === 0 ? "right" : "left" }));
}

interface Vertical {
  readonly resolution: number;
  readonly label: string;
  readonly align: "left" | "center" | "right";
}

/** The range of some numbers, widened on both sides by a share of itself, or by `least` where that is more. */
function range(values: readonly number[], share: number, least: number): [low: number, high: number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max(share * (high - low), least);
  return [low - margin, high + margin];
}

/** Where the curves' names stand, in the units of the y axis: at their last points, but so that no two touch. */
function curveNames(
  curves: SweepChart["curves"],
  [low, high]: readonly [number, number],
): { curve: string; name: string; place: number }[] {
  const gap = (1.25 * LABEL_SIZE * (high - low)) / HEIGHT;
  const names = curves
    .map(({ name, points }, curve) => {
      const last = points.reduce((a, b) => (b.resolution > a.resolution ? b : a));
      return { curve: String(curve), name, place: 100 * last.top1 };
    })
    .sort((a, b) => a.place - b.place);
  // Upwards first, then back from the top where that pushed them out.
  for (let i = 1; i < names.length; i++) names[i]!.place = Math.max(names[i]!.place, names[i - 1]!.place + gap);
  for (let i = names.length - 1, roof = high; i >= 0; i--, roof = names[i + 1]!.place - gap) {
    names[i]!.place = Math.min(names[i]!.place, roof);
  }
  return names;
}
