import { duration, percent, points } from "../../format.js";
import { escapeXml, shortText } from "../escape.js";
import { type AbsentFigure, cellId, type Figure, figureSvg, hasCells } from "../figures/index.js";
import {
  type DrawnCell,
  type EvaluationFindings,
  mainEvaluation,
  type PictureResult,
  type RunFindings,
} from "../findings/index.js";
import { CHART_VARIABLES } from "../theme.js";
import { documentOf, factsOf, listOf, tableOf } from "./document.js";

/** Rows of a table that a page shows at most. */
const ROWS = 400;

const STYLE = `
${CHART_VARIABLES}
.about { color: var(--muted); margin-top: -.5rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; list-style: none; }
h2 { font-size: 1.125rem; margin: 2.5rem 0 .5rem; }
.chart { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
.chart svg { display: block; max-width: 100%; min-width: 28rem; height: auto; margin: 0 auto; }
.chart a:hover path, .chart a:focus path { stroke: var(--ink); stroke-width: 2; }
figcaption { color: var(--muted); font-size: .875rem; margin: .5rem 0; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--muted); font-size: .875rem; padding: .25rem 0; }
.cell { display: none; border: 1px solid var(--line); border-radius: 6px; padding: .25rem 1rem 1rem; margin: 1rem 0; }
.cell:target { display: block; }
.cell h3 { font-size: 1rem; overflow-wrap: anywhere; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 1rem; padding: 0; list-style: none; }
.pictures li { overflow-wrap: anywhere; line-height: 1.35; }
.pictures img { height: 6rem; width: 6rem; object-fit: contain; background: transparent; margin-bottom: .375rem; }
.pictures .none { height: 6rem; width: 6rem; border: 1px dashed var(--line); border-radius: 6px; margin-bottom: .375rem; }
@media print { figure, .pictures li { break-inside: avoid; } details, nav, .cell:target { display: none; } }
`;

/** A run as one page: its figures with their numbers, its pictures, its settings. Nothing in it is fetched or run. */
export async function runPage(
  found: RunFindings,
  figures: readonly Figure[],
  absent: readonly AbsentFigure[],
): Promise<string> {
  const { run } = found;
  const main = mainEvaluation(found);
  const sections: string[] = [];
  for (const figure of figures) {
    sections.push(await figureSection(figure));
    if (figure.name === "confusion-shares")
      sections.push(main!.matrix.cells.map((cell) => cellSection(cell, main!, found)).join("\n"));
  }
  if (main !== null && main.worst.length > 0)
    sections.push(`<section id="worst"><h2>Worst losses</h2>\n${pictureList(main.worst, main, found)}\n</section>`);
  const settings = Object.entries(run.settings).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(", ") : String(value),
  ]);
  const links = [
    ...figures.map(({ name, title }) => [name, title] as const),
    ...(main !== null && main.worst.length > 0 ? [["worst", "Worst losses"] as const] : []),
    ["settings", "Settings"] as const,
  ];
  const body = [
    `<h1>${escapeXml(shortText(run.name, 120))}</h1>`,
    `<p class="about">${escapeXml(aboutOf(found))}</p>`,
    ...(run.error === null
      ? []
      : [`<p><strong>${escapeXml(run.status)}:</strong> ${escapeXml(shortText(run.error, 400))}</p>`]),
    factsOf(summaryOf(found)),
    `<nav aria-label="Contents"><ul>\n${links.map(([id, title]) => `<li><a href="#${id}">${escapeXml(title)}</a></li>`).join("\n")}\n</ul></nav>`,
    ...sections,
    `<section id="settings"><h2>Settings</h2>`,
    `<p class="about">fixres ${escapeXml(run.argv.map(quoted).join(" "))}</p>`,
    `<details><summary>All ${settings.length} settings</summary>\n${tableOf({ head: ["setting", "value"], rows: settings }, "Settings")}\n</details></section>`,
    ...(absent.length === 0 ? [] : [`<h2>Left out</h2>`, listOf(absent.map(({ title, why }) => `${title}: ${why}`))]),
    listOf(found.notes),
  ];
  return documentOf({ title: `${shortText(run.name)} (${run.kind})`, body: body.join("\n"), style: STYLE });
}

function aboutOf({ run, evaluations }: RunFindings): string {
  const ended = run.ended === null ? null : (Date.parse(run.ended) - Date.parse(run.started)) / 1000;
  const model =
    run.model === null ? [] : [`${run.model.arch}, ${(run.model.parameters / 1e6).toFixed(2)} million parameters`];
  const data = evaluations.at(-1);
  return [
    ...[run.kind, run.status, ...model],
    ...(data === undefined ? [] : [`${data.n} pictures of ${data.classes.length} classes`]),
    `${run.started.slice(0, 16).replace("T", " ")} UTC${ended === null ? "" : `, ${duration(ended)}`}`,
    `fixres ${run.version}`,
  ].join(" \u00b7 ");
}

/** The numbers that one looks for first. */
function summaryOf({ accuracies, run, evaluations }: RunFindings): { label: string; value: string }[] {
  const shown =
    run.kind === "sweep"
      ? [accuracies.reduce<(typeof accuracies)[number] | null>((a, b) => (a === null || b.top1 > a.top1 ? b : a), null)]
      : run.kind === "train" && accuracies.length > 3
        ? [accuracies[0]!, ...accuracies.slice(-2)]
        : accuracies.slice(0, 3);
  const facts = shown.flatMap((one) =>
    one === null ? [] : [{ label: `top-1, ${shortText(one.name)}, ${one.resolution} px`, value: percent(one.top1) }],
  );
  const { gain, ci95 } = (run.result ?? {}) as { gain?: unknown; ci95?: unknown };
  if (run.kind === "tune" && typeof gain === "number" && isInterval(ci95)) {
    const [value = "", rest = ""] = points(gain, ci95).split(" points ");
    facts.push({ label: `points gained ${rest}`, value });
  }
  const ece = evaluations.at(-1)?.calibration.ece;
  if (ece !== undefined) facts.push({ label: "calibration error", value: percent(ece) });
  return facts;
}

const isInterval = (value: unknown): value is readonly [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === "number");

async function figureSection(figure: Figure): Promise<string> {
  const { name, title, subtitle, note, table } = figure;
  const caption = [subtitle, note, hasCells(figure) ? "Choose a cell to see its pictures below" : undefined]
    .filter((text) => text !== undefined)
    .map(sentence)
    .join(" ");
  const rows = table.rows.slice(0, ROWS);
  const more = table.rows.length > ROWS ? `, the first ${ROWS} of ${table.rows.length}` : "";
  return `<figure id="${name}" aria-labelledby="${name}-title">
<h2 id="${name}-title">${escapeXml(title)}</h2>
<div class="chart" role="region" aria-label="${escapeXml(title)}, chart" tabindex="0">${inline(await figureSvg(figure, { look: "variables", titled: false }))}</div>
${caption === "" ? "" : `<figcaption>${escapeXml(caption)}</figcaption>`}
<details><summary>Numbers${more}</summary>
${tableOf({ ...table, rows }, `${title}, numbers`)}
</details>
</figure>`;
}

/** With a capital and a full stop. */
const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;

/** An SVG as it stands within HTML, which needs no namespaces; without its title, which the page has. */
const inline = (svg: string): string =>
  svg.replaceAll(/ xmlns(:xlink)?="[^"]*"/g, "").replaceAll("<a xlink:href=", "<a href=");

function cellSection(cell: DrawnCell, evaluation: EvaluationFindings, found: RunFindings): string {
  const { label, predicted, count, pictures } = cell;
  const id = cellId(cell);
  const [is, taken] = [label, predicted].map((index) => escapeXml(shortText(evaluation.classes[index]!)));
  const words = label === predicted ? `${is}, recognised` : `${is}, taken for ${taken}`;
  const some = count > pictures.length ? `; the ${pictures.length} of the largest loss:` : "";
  return `<section class="cell" id="${id}" aria-labelledby="${id}-title">
<h3 id="${id}-title">${words}: ${count} ${count === 1 ? "picture" : "pictures"}${some}</h3>
${pictureList(pictures, evaluation, found)}
<a href="#confusion-counts">Back to the matrix</a>
</section>`;
}

function pictureList(
  pictures: readonly PictureResult[],
  { classes }: EvaluationFindings,
  { thumbnails }: RunFindings,
): string {
  const items = pictures.map(({ id, label, predicted, probability, loss }) => {
    const small = thumbnails.get(id);
    const name = escapeXml(shortText(id, 80));
    const image =
      small === undefined
        ? thumbnails.size === 0
          ? ""
          : `<div class="none"></div>`
        : `<img src="${escapeXml(small)}" alt="">`;
    const was = label === null || label === predicted ? "" : `${escapeXml(shortText(classes[label]!, 40))} taken for `;
    const taken = escapeXml(shortText(classes[predicted]!, 40));
    return `<li>${image}${name}<br><small>${was}${taken} (${percent(probability)}), loss ${loss.toFixed(2)}</small></li>`;
  });
  return `<ul class="pictures">\n${items.join("\n")}\n</ul>`;
}

/** An argument as a shell takes it. */
const quoted = (argument: string): string =>
  /^[\w./:=,+@%-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
