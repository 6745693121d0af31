import { interval, percent } from "../../format.js";
import { distinctTexts, shortText } from "../escape.js";
import type { AccuracyAt, RunFindings } from "../findings/index.js";
import { sweepSpec } from "../spec.js";
import { COLOURS } from "../theme.js";
import type { AbsentFigure, Figure } from "./figure.js";

const TITLE = "Accuracy over test resolution";

/** Accuracy over test resolution, before and after (arXiv 1906.06423, figure 5). */
export function resolution({ run, accuracies }: RunFindings): readonly Figure[] | AbsentFigure {
  if (accuracies.length === 0)
    return { title: TITLE, why: `the run is ${run.status} and has measured no accuracy yet.` };
  const all = [...new Set(accuracies.map(({ name }) => name))];
  const drawn = all.slice(0, COLOURS.length);
  const labels = distinctTexts(withoutCommonFolder(drawn), 30);
  const curves = drawn.map((name, i) => ({
    name: labels[i]!,
    points: accuracies.filter((one) => one.name === name).sort((a, b) => a.resolution - b.resolution),
  }));
  const trainResolution = run.model?.trainResolution;
  const { title: _, ...spec } = sweepSpec({
    title: TITLE,
    curves,
    marks: trainResolution === undefined ? {} : { trainResolution },
  });
  const told = ({ name, resolution, top1 }: AccuracyAt): string =>
    `${shortText(name)} ${percent(top1)} at ${resolution} px`;
  const best = accuracies.reduce((a, b) => (b.top1 > a.top1 ? b : a));
  return [
    {
      ...{ name: "resolution", title: TITLE, spec },
      alt: `Top-1 accuracy with its 95% intervals over test resolution: ${accuracies.length} measurements; the best is ${told(best)}.`,
      table: {
        head: ["resolution, px", "", "top-1", "95% interval", "pictures"],
        rows: accuracies.map(({ name, resolution, top1, ci95, n }) => [
          ...[String(resolution), shortText(name), percent(top1), interval(ci95), String(n)],
        ]),
      },
      ...(drawn.length < all.length ? { note: `The first ${drawn.length} of ${all.length} curves are drawn.` } : {}),
    },
  ];
}

/** Names that are paths, from where they differ. */
function withoutCommonFolder(names: readonly string[]): string[] {
  const folder = /^.*\//.exec(names[0]!)?.[0] ?? "";
  return names.map((name) =>
    folder !== "" && names.every((one) => one.startsWith(folder)) ? name.slice(folder.length) : name,
  );
}
