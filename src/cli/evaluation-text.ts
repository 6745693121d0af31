import type { Details } from "../evaluate/index.js";
import { interval, percent } from "../format.js";
import { table } from "./table.js";

/**
 * What an evaluation found, as people read it.
 * @param about - what it was measured on  @param perClass - whether the classes are listed one by one
 */
export function evaluationText(
  { top1, top5, loss, ci95, ece, macro, mostConfused, worst, ...rest }: Details,
  about: string,
  perClass = false,
): string {
  const known = rest.confusion.length > 0;
  const means = `; mean over classes: precision ${percent(macro.precision)}, recall ${percent(macro.recall)}, F1 ${percent(macro.f1)}`;
  const lines = [
    `top-1 ${percent(top1)} (95%: ${interval(ci95)}), top-5 ${percent(top5)}, loss ${loss.toFixed(4)}`,
    about,
    `calibration error ${percent(ece)}${known ? means : ""}`,
  ];
  if (mostConfused.length > 0) lines.push("most confused:");
  for (const { label, predicted, count, n } of mostConfused.slice(0, 5)) {
    lines.push(`  ${label} taken for ${predicted}: ${count} of ${n}`);
  }
  const shown = worst.filter(({ label, predicted }) => label !== predicted).slice(0, 5);
  if (shown.length > 0) lines.push("worst losses:");
  for (const { name, loss: own, predicted, probability } of shown) {
    lines.push(`  ${own.toFixed(2)}  ${name}, taken for ${predicted} (${percent(probability)})`);
  }
  if (perClass && known) lines.push(perClassTable(rest));
  return lines.join("\n");
}

function perClassTable({ perClass }: Pick<Details, "perClass">): string {
  const share = (value: number | null): string => (value === null ? "-" : percent(value));
  return table(
    ["class", "pictures", "predicted", "precision", "recall", "F1"],
    perClass.map(({ class: name, n, predicted, precision, recall, f1 }) => [
      ...[name, String(n), String(predicted)],
      ...[share(precision), share(recall), share(f1)],
    ]),
  );
}
