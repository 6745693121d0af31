import { interval, percent } from "../../format.js";
import type { AccuracyAt, RunFindings } from "../findings/index.js";
import { sweepSpec } from "../spec.js";
import { COLOURS } from "../theme.js";
import type { AbsentFigure, Figure } from "./figure.js";

const TITLE = "Accuracy over test resolution";

/** Accuracy over test resolution, before and after (arXiv 1906.06423, figure 5). */
export function resolution({ run, accuracies }: RunFindings): readonly Figure[] | AbsentFigure {
  if (accuracies.length === 0)
    return { title: TITLE, why: `the run is ${run.status} and has measured no accuracy yet.` };
  const names = [...new Set(accuracies.map(({ name }) => name))];
  const shown = names.slice(0, COLOURS.length);
  const curves = shown.map((name) => ({
    name,
    points: accuracies.filter((one) => one.name === name).sort((a, b) => a.resolution - b.resolution),
  }));
  const trainResolution = run.model?.trainResolution;
  const { title: _, ...spec } = sweepSpec({
    title: TITLE,
    curves,
    marks: trainResolution === undefined ? {} : { trainResolution },
  });
  const told = ({ name, resolution, top1 }: AccuracyAt): string => `${name} ${percent(top1)} at ${resolution} px`;
  const best = accuracies.reduce((a, b) => (b.top1 > a.top1 ? b : a));
  return [
    {
      ...{ name: "resolution", title: TITLE, spec },
      alt: `Top-1 accuracy with its 95% intervals over test resolution: ${accuracies.length} measurements; the best is ${told(best)}.`,
      table: {
        head: ["resolution, px", "", "top-1", "95% interval", "pictures"],
        rows: accuracies.map(({ name, resolution, top1, ci95, n }) => [
          ...[String(resolution), name, percent(top1), interval(ci95), String(n)],
        ]),
      },
      ...(shown.length < names.length
        ? { note: `The first ${shown.length} of ${names.length} curves are drawn.` }
        : {}),
    },
  ];
}
