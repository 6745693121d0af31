import type { TopLevelSpec } from "vega-lite";
import { percent } from "../../format.js";
import { distinctTexts, shortText } from "../escape.js";
import {
  type DrawnCell,
  type EvaluationFindings,
  mainEvaluation,
  NO_ROWS,
  type RunFindings,
} from "../findings/index.js";
import { COLOURS, CONFIG, GROUND, INK } from "../theme.js";
import { type AbsentFigure, type Figure, WIDTH } from "./figure.js";

const TITLE = "Confusion matrix";

/** Cells have their numbers in them up to so many classes. */
const NUMBERED = 14;
/** The most that is covered of a cell with a number, which is then read on light and on dark grounds. */
const COVERED = 0.62;

/** Place within the page of a cell's pictures. */
export const cellId = ({ label, predicted }: Pick<DrawnCell, "label" | "predicted">): string =>
  `cell-${label}-${predicted}`;

/** Whether a figure is a matrix whose cells are links, to their `cellId`. */
export const hasCells = ({ name }: Pick<Figure, "name">): boolean => name.startsWith("confusion-");

/** The confusion matrix in counts and in shares of each class. A cell leads to its pictures. */
export function confusionMatrix(found: RunFindings): readonly Figure[] | AbsentFigure {
  const evaluation = mainEvaluation(found);
  if (evaluation === null) return { title: TITLE, why: NO_ROWS };
  if (evaluation.matrix.cells.length === 0)
    return { title: TITLE, why: "the pictures have sets of right classes, and none that is theirs." };
  const { n, matrix } = evaluation;
  const inside = matrix.cells.reduce((sum, { count }) => sum + count, 0);
  const right = matrix.cells
    .filter(({ label, predicted }) => label === predicted)
    .reduce((sum, one) => sum + one.count, 0);
  const part = matrix.shown.length < evaluation.classes.length;
  const note = part
    ? `Of ${evaluation.classes.length} classes the ${matrix.shown.length} are drawn that take part in most confusions; they hold ${inside} of ${n} pictures.`
    : undefined;
  const alt = `${matrix.shown.length} classes by ${matrix.shown.length}: of ${inside} pictures ${right} lie on the diagonal, where they are taken for what they are.`;
  const shared = { ...(note !== undefined && { note }), table: tableOf(evaluation) };
  const counts = { name: "confusion-counts", title: `${TITLE}, pictures`, ...shared };
  const shares = { name: "confusion-shares", title: `${TITLE}, % of each class`, ...shared };
  return [
    { ...counts, alt: `Counts. ${alt}`, spec: matrixSpec(evaluation, "counts") },
    { ...shares, alt: `Shares. ${alt}`, spec: matrixSpec(evaluation, "shares") },
  ];
}

function matrixSpec({ classes, matrix }: EvaluationFindings, kind: "counts" | "shares"): TopLevelSpec {
  const sizes = new Map(matrix.shown.map((label, i) => [label, matrix.sizes[i]!]));
  const shown = distinctTexts(
    matrix.shown.map((index) => classes[index]!),
    24,
  );
  const names = new Map(matrix.shown.map((index, i) => [index, shown[i]!]));
  const most = matrix.cells.reduce((high, { count }) => Math.max(high, count), 1);
  const values = matrix.cells.map((cell) => {
    const share = cell.count / sizes.get(cell.label)!;
    const weight = kind === "counts" ? cell.count / most : share;
    return {
      ...{ label: names.get(cell.label)!, predicted: names.get(cell.predicted)!, weight },
      text: kind === "counts" ? String(cell.count) : (100 * share).toFixed(0),
      href: `#${cellId(cell)}`,
      told: `${shortText(classes[cell.label]!)} taken for ${shortText(classes[cell.predicted]!)}: ${cell.count} of ${sizes.get(cell.label)!}`,
    };
  });
  const size = matrix.shown.length;
  const side = Math.max(Math.min(WIDTH / size, 48), 11);
  const axis = {
    labelLimit: 110,
    labelFontSize: size > 20 ? 9 : 11,
    ticks: false,
    domain: false,
    labelOverlap: false,
  } as const;
  const scale = { domain: [...names.values()] as string[], paddingInner: 0.04, paddingOuter: 0 } as const;
  const position = {
    x: {
      field: "predicted",
      type: "nominal",
      scale,
      axis: { ...axis, title: "Predicted", orient: "bottom", labelAngle: -60 },
    },
    y: { field: "label", type: "nominal", scale, axis: { ...axis, title: "Class" } },
  } as const;
  return {
    ...{ width: side * size, height: side * size, padding: 14, background: GROUND, config: CONFIG },
    data: { values },
    layer: [
      {
        mark: { type: "rect", color: COLOURS[0]! },
        encoding: {
          ...position,
          fillOpacity: {
            field: "weight",
            type: "quantitative",
            scale: { domain: [0, 1], range: [0.06, size > NUMBERED ? 1 : COVERED] },
            legend: null,
          },
          href: { field: "href" },
          description: { field: "told" },
        },
      },
      ...(size > NUMBERED
        ? []
        : [
            {
              mark: { type: "text", fontSize: 12, tooltip: null, aria: false } as const,
              encoding: {
                ...position,
                text: { field: "text" },
                color: { value: INK },
              },
            } as const,
          ]),
    ],
  };
}

function tableOf({ classes, matrix }: EvaluationFindings) {
  const sizes = new Map(matrix.shown.map((label, i) => [label, matrix.sizes[i]!]));
  return {
    head: ["class", "predicted", "pictures", "of the class"],
    rows: matrix.cells.map(({ label, predicted, count }) => [
      ...[shortText(classes[label]!), shortText(classes[predicted]!), String(count)],
      percent(count / sizes.get(label)!),
    ]),
  };
}
