import { escapeXml } from "../escape.js";
import { documentOf, factsOf, listOf, tableOf } from "./document.js";

/** What a page shows, from top to bottom. */
export interface Page {
  readonly title: string;
  /** The few numbers that matter, with what they are. */
  readonly summary: readonly { readonly label: string; readonly value: string }[];
  /** A chart of what the table holds. */
  readonly svg: string;
  readonly table: { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };
  /** How the numbers came to be. */
  readonly notes: readonly string[];
}

/**
 * One chart and its numbers as an HTML page that needs nothing else: no script, no network, light or dark as the reader has it. All
 * texts are escaped; the chart is embedded as an image, so that nothing in it can act on the page.
 */
export function page({ title, summary, svg, table, notes }: Page): string {
  const image = `data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`;
  const body = [
    `<h1>${escapeXml(title)}</h1>`,
    factsOf(summary),
    `<figure><img src="${image}" alt="Chart of the numbers in the table below"></figure>`,
    tableOf(table, "Numbers"),
    listOf(notes),
  ];
  return documentOf({ title, body: body.join("\n") });
}
