import { percent } from "../../format.js";
import { distinctTexts, shortText } from "../escape.js";
import { mainEvaluation, NO_ROWS, type RunFindings } from "../findings/index.js";
import { COLOURS, CONFIG, GROUND, INK } from "../theme.js";
import { type AbsentFigure, type Figure, WIDTH } from "./figure.js";

const TITLE = "Most-confused pairs";

/** The pairs of classes that were confused most often. */
export function confusedPairs(found: RunFindings): readonly Figure[] | AbsentFigure {
  const evaluation = mainEvaluation(found);
  if (evaluation === null) return { title: TITLE, why: NO_ROWS };
  const pairs = evaluation.mostConfused;
  if (pairs.length === 0) return { title: TITLE, why: "no picture was taken for another class." };
  const names = distinctTexts(
    pairs.map(({ label, predicted }) => `${shortText(label, 24)} \u2192 ${shortText(predicted, 24)}`),
    60,
  );
  const values = pairs.map(({ count, n }, i) => ({ count, pair: names[i]!, told: `${count} of ${n}` }));
  const y = {
    field: "pair",
    type: "nominal",
    sort: null,
    axis: { title: null, labelLimit: 300, ticks: false, domain: false },
  } as const;
  const x = {
    field: "count",
    type: "quantitative",
    axis: { title: "Pictures", tickMinStep: 1, format: "d", tickCount: 5 },
    scale: { domain: [0, 1.18 * pairs[0]!.count] as number[], nice: false },
  } as const;
  const [first] = pairs;
  return [
    {
      name: "confused-pairs",
      title: TITLE,
      subtitle: "class \u2192 what it was taken for",
      spec: {
        ...{ width: WIDTH - 120, height: 24 * pairs.length, padding: 14, background: GROUND, config: CONFIG },
        data: { values },
        layer: [
          { mark: { type: "bar", color: COLOURS[0]!, height: 14 }, encoding: { x, y } },
          {
            mark: { type: "text", align: "left", dx: 6, color: INK, fontSize: 11 },
            encoding: { x, y, text: { field: "told" } },
          },
        ],
      },
      alt: `The ${pairs.length} pairs of classes that were confused most often, first ${shortText(first!.label)} taken for ${shortText(first!.predicted)}: ${first!.count} of ${first!.n}.`,
      table: {
        head: ["class", "taken for", "pictures", "of the class"],
        rows: pairs.map(({ label, predicted, count, n }) => [
          ...[shortText(label), shortText(predicted), `${count} of ${n}`],
          percent(count / n),
        ]),
      },
    },
  ];
}
