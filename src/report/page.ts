import { escapeXml } from "./escape.js";

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

const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --muted: #57606a; --ground: #fff; --line: #d0d7de; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --muted: #9ba5b0; --ground: #0d1117; --line: #30363d; } }
body { margin: 2rem auto; max-width: 54rem; padding: 0 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; }
dl { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.5rem 0; }
dl div { display: flex; flex-direction: column-reverse; }
dt { color: var(--muted); font-size: .875rem; }
dd { margin: 0; font-size: 1.375rem; font-weight: 600; font-variant-numeric: tabular-nums; }
figure { margin: 1.5rem 0; }
img { display: block; max-width: 100%; height: auto; border-radius: 6px; background: #fff; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .375rem .75rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
thead th { color: var(--muted); font-size: .875rem; font-weight: 600; }
tbody th { font-weight: 400; }
ul { padding-left: 1.25rem; color: var(--muted); font-size: .875rem; }
@media print { body { margin: 0; max-width: none; } }
`;

/**
 * A report as one HTML page that needs nothing else: no script, no network, light or dark as the reader has it. All texts
 * are escaped; the chart is embedded as an image, so that nothing in it can act on the page.
 */
export function page({ title, summary, svg, table, notes }: Page): string {
  const text = escapeXml;
  const facts = summary.map(({ label, value }) => `<div><dt>${text(label)}</dt><dd>${text(value)}</dd></div>`);
  const head = table.head.map((cell) => `<th scope="col">${text(cell)}</th>`);
  const rows = table.rows.map(([first = "", ...others]) => {
    const cells = others.map((cell) => `<td>${text(cell)}</td>`);
    return `<tr><th scope="row">${text(first)}</th>${cells.join("")}</tr>`;
  });
  const image = `data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${text(title)}</h1>
${facts.length === 0 ? "" : `<dl>\n${facts.join("\n")}\n</dl>`}
<figure><img src="${image}" alt="Chart of the numbers in the table below"></figure>
<div class="scroll" role="region" aria-label="Numbers" tabindex="0">
<table>
<thead><tr>${head.join("")}</tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>
</div>
${notes.length === 0 ? "" : `<ul>\n${notes.map((note) => `<li>${text(note)}</li>`).join("\n")}\n</ul>`}
</main>
</body>
</html>
`;
}
