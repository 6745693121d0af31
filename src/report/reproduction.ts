import type { ReproducedGain, ReproducedRow, Reproduction } from "../fixres/index.js";
import { interval, percent, points, pValue } from "../format.js";
import { DATA_NAMES, markdownTable, NONE, type TextTable } from "./results.js";

const STEP_NAMES: Readonly<Record<ReproducedRow["step"], string>> = {
  before: "as published",
  "at-resolution": "untuned there",
  after: "tuned",
};

/** What was measured in a reproduction, a row a data set and network, the published numbers beside it. */
export function reproductionTable({ rows }: Pick<Reproduction, "rows">): TextTable {
  return {
    head: [
      "data",
      "network",
      "resolution",
      "pictures",
      "top-1",
      "95% interval",
      "top-5",
      "published top-1",
      "published top-5",
    ],
    rows: rows.map(({ protocol, step, resolution, measured, published }) => [
      ...[DATA_NAMES[protocol], STEP_NAMES[step], String(resolution), String(measured.n)],
      ...[percent(measured.top1), interval(measured.ci95), percent(measured.top5)],
      ...[published?.top1, published?.top5].map((value) => (value == null ? NONE : percent(value))),
    ]),
  };
}

/** What tuning gained, a line a data set. */
export const gainsText = ({ gains }: Pick<Reproduction, "gains">): string => gains.map(gainText).join("\n");

function gainText({ protocol, total, tuning, published }: ReproducedGain): string {
  const paper =
    published === null ? "" : `; published: ${published >= 0 ? "+" : ""}${(100 * published).toFixed(2)} points`;
  return [
    `${DATA_NAMES[protocol]}: ${points(total.gain, total.ci95)} over the published weights at their own resolution, ${pValue(total.pValue)}${paper}`,
    `  of which by tuning: ${points(tuning.gain, tuning.ci95)}, ${pValue(tuning.pValue)} (McNemar; ${tuning.gained} pictures gained, ${tuning.lost} lost of ${tuning.n})`,
  ].join("\n");
}

/** A reproduction as a page of Markdown. */
export function reproductionMarkdown(found: Reproduction): string {
  const { preset, weights, recipe, resolution, preprocessing, notes } = found;
  const { cropRatio, interpolation, transform } = preprocessing;
  const sources = new Set(found.rows.flatMap(({ published }) => published?.source ?? []));
  return `${[
    `# ${preset}`,
    `Weights ${weights}, tuned at ${resolution} px by the recipe \`${recipe}\`; crop ratio ${Number(cropRatio.toFixed(4))}, ${interpolation}, ${transform ?? "standard"}.`,
    markdownTable(reproductionTable(found)),
    `\`\`\`\n${gainsText(found)}\n\`\`\``,
    ...(notes.length === 0 ? [] : [notes.map((note) => `- ${note}`).join("\n")]),
    ...[...sources].map((source) => `Published numbers: ${source}.`),
  ].join("\n\n")}\n`;
}
