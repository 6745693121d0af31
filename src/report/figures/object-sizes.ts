import type { RunFindings } from "../findings/index.js";
import { COLOURS, CONFIG, GROUND, INK, MUTED } from "../theme.js";
import { type AbsentFigure, type Figure, WIDTH } from "./figure.js";

const TITLE = "Apparent object size";

/** How large objects look in training and in tests, which is what the method mends (arXiv 1906.06423, section 3). */
export function objectSizes({ sizes }: RunFindings): readonly Figure[] | AbsentFigure {
  if ("why" in sizes) return { title: TITLE, why: sizes.why };
  const { train, tests, pictures, sameSize } = sizes;
  const rows = [
    { name: `training, ${train.resolution} px`, kind: "training", ratio: 1, ...train.magnification },
    ...tests.map(({ resolution, magnification, ratio }) => ({
      ...{ name: `test, ${resolution} px`, kind: "test", ratio: ratio.mean },
      ...magnification,
    })),
  ];
  const values = rows.map((row) => ({ ...row, told: row.mean.toFixed(2) }));
  const y = {
    field: "name",
    type: "nominal",
    sort: null,
    axis: { title: null, ticks: false, domain: false },
  } as const;
  const x = { type: "quantitative", scale: { zero: true } } as const;
  const title = "Pixels that a pixel's length of the picture becomes";
  const domain = ["training", "test"];
  const color = { field: "kind", type: "nominal", scale: { domain, range: COLOURS }, legend: null } as const;
  return [
    {
      name: "object-sizes",
      title: TITLE,
      subtitle: "bars: 10% to 90%, lines: medians, points: means",
      spec: {
        ...{ width: WIDTH - 60, height: 30 * rows.length, padding: 14, background: GROUND, config: CONFIG },
        data: { values },
        layer: [
          {
            data: { values: [{ mean: train.magnification.mean }] },
            mark: { type: "rule", color: MUTED, strokeDash: [4, 4] },
            encoding: { x: { ...x, field: "mean", axis: { title } } },
          },
          {
            mark: { type: "bar", height: 12, opacity: 0.3 },
            encoding: { x: { ...x, field: "p10" }, x2: { field: "p90" }, y, color },
          },
          { mark: { type: "tick", thickness: 2, size: 12 }, encoding: { x: { ...x, field: "p50" }, y, color } },
          {
            mark: { type: "point", filled: true, size: 56, opacity: 1 },
            encoding: {
              x: { ...x, field: "mean" },
              y,
              color,
              shape: { field: "kind", scale: { domain, range: ["circle", "square"] }, legend: null },
            },
          },
          {
            mark: { type: "text", align: "left", baseline: "bottom", dx: 7, dy: -5, fontSize: 11, color: INK },
            encoding: { x: { ...x, field: "mean" }, y, text: { field: "told" } },
          },
        ],
      },
      alt: `How large objects look: on average ${train.magnification.mean.toFixed(3)} times as large as in the picture in training, ${tests.map(({ resolution, magnification }) => `${magnification.mean.toFixed(3)} at a test of ${resolution} px`).join(", ")}. As large as in training they look at ${sameSize} px.`,
      table: {
        head: ["", "mean", "10%", "median", "90%", "of training"],
        rows: rows.map(({ name, mean, p10, p50, p90, ratio }) => [
          name,
          ...[mean, p10, p50, p90, ratio].map((value) => value.toFixed(3)),
        ]),
      },
      note: `By the sizes of ${pictures} pictures; objects look as large as in training at ${sameSize} px.`,
    },
  ];
}
