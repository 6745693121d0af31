import type { Comparison, MeasuredRow, PublishedRow } from "../evaluate/index.js";
import { interval, percent, points, pValue } from "../format.js";

/** A table of text, before it is drawn as one kind or another. */
export interface TextTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What data sets are called in tables. */
export const DATA_NAMES: Readonly<Record<PublishedRow["protocol"], string>> = {
  "imagenet-val": "ImageNet val",
  "imagenet-real": "ImageNet ReaL",
  "imagenet-v2": "ImageNet-V2",
};

/** Stands where there is nothing to show. */
export const NONE = "-";

/** Measured results beside published ones, each with its settings. */
export function resultsTable({ rows, published }: Pick<Comparison, "rows" | "published">): TextTable {
  return {
    head: [
      ...["model", "", "data", "pictures", "resolution", "crop", "filter"],
      ...["top-1", "95% interval", "top-5", "loss", "ECE", "parameters"],
    ],
    rows: [...rows.map(measuredCells), ...published.map(publishedCells)],
  };
}

function measuredCells({ model, head, n, top1, ci95, top5, loss, ece }: MeasuredRow): string[] {
  const { settings, data } = head;
  const name = data.protocol === null ? data.name : DATA_NAMES[data.protocol];
  return [
    ...[
      model,
      "measured",
      name,
      String(n),
      String(settings.resolution),
      ratio(settings.cropRatio),
      settings.interpolation,
    ],
    ...[percent(top1), interval(ci95), percent(top5), loss.toFixed(4), percent(ece), millions(head.model.parameters)],
  ];
}

function publishedCells(row: PublishedRow): string[] {
  const { model, training, protocol, resolution, cropRatio, interpolation, top1, top5, parameters } = row;
  return [
    ...[`${model} (${training})`, "published", DATA_NAMES[protocol], NONE, String(resolution)],
    ...[cropRatio === null ? NONE : ratio(cropRatio), interpolation ?? NONE],
    ...[percent(top1), NONE, top5 === null ? NONE : percent(top5), NONE, NONE, millions(parameters)],
  ];
}

const ratio = (value: number): string => String(Number(value.toFixed(3)));
const millions = (count: number): string => `${(count / 1e6).toFixed(2)} M`;

/** How the pairs differ, a line a measure. */
export function pairsText({ pairs }: Pick<Comparison, "pairs">): string {
  const many = pairs.length > 1;
  return pairs
    .map(({ first, second, top1, top5, loss, ece }) => {
      const p = (own: { pValue: number; adjusted: number }): string =>
        `${pValue(own.pValue)}${many ? ` (Holm: ${own.adjusted.toPrecision(2)})` : ""}`;
      const signed = (value: number): string => `${value >= 0 ? "+" : ""}${value.toFixed(4)}`;
      return [
        `${second} against ${first}:`,
        `  top-1 ${points(top1.gain, top1.ci95)}, ${p(top1)} (McNemar; ${top1.gained} pictures gained, ${top1.lost} lost)`,
        `  top-5 ${points(top5.difference, top5.ci95)}, ${p(top5)}`,
        `  loss ${signed(loss.difference)} (95%: ${signed(loss.ci95[0])} to ${signed(loss.ci95[1])}), ${p(loss)}`,
        `  ECE ${points(ece.difference, ece.ci95)}, ${p(ece)}`,
      ].join("\n");
    })
    .join("\n");
}

/** A table in Markdown. */
export function markdownTable({ head, rows }: TextTable): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll(/\s+/g, " ")).join(" | ")} |`;
  return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

/**
 * Measured results in the columns of timm's result files: percentages and crop ratio with three digits behind the point, millions of
 * parameters with two.
 */
export function resultsCsv(rows: readonly Pick<MeasuredRow, "model" | "top1" | "top5" | "head">[]): string {
  const columns = [
    "model",
    "top1",
    "top1_err",
    "top5",
    "top5_err",
    "param_count",
    "img_size",
    "crop_pct",
    "interpolation",
  ];
  const lines = rows.map(({ model, top1, top5, head }) => {
    const { resolution, cropRatio, interpolation } = head.settings;
    const accuracies = [top1, 1 - top1, top5, 1 - top5].map((share) => (100 * share).toFixed(3));
    const parameters = (head.model.parameters / 1e6).toFixed(2);
    return [quoted(model), ...accuracies, parameters, String(resolution), cropRatio.toFixed(3), interpolation].join(
      ",",
    );
  });
  return `${[columns.join(","), ...lines].join("\n")}\n`;
}

/** RFC 4180; and no cell that a spreadsheet would take for a formula. */
function quoted(cell: string): string {
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
