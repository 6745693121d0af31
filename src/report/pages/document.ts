import { createHash } from "node:crypto";
import { escapeXml } from "../escape.js";
import type { TextTable } from "../results.js";

const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --muted: #57606a; --ground: #fff; --line: #d0d7de; --link: #0a58b5; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --muted: #a3adb8; --ground: #0d1117; --line: #30363d; --link: #6cb6ff; }
}
body { margin: 2rem auto; max-width: 54rem; padding: 0 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
dl { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.5rem 0; }
dl div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
dt { color: var(--muted); font-size: .875rem; overflow-wrap: anywhere; }
dd { margin: 0; font-size: 1.375rem; font-weight: 600; font-variant-numeric: tabular-nums; }
figure { margin: 1.5rem 0; }
img { display: block; max-width: 100%; height: auto; border-radius: 6px; background: #fff; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .375rem .75rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
thead th { color: var(--muted); font-size: .875rem; font-weight: 600; }
tbody th { font-weight: 400; }
ul { padding-left: 1.25rem; color: var(--muted); font-size: .875rem; overflow-wrap: anywhere; }
@media print {
  :root { color-scheme: light; --ink: #1f2328; --muted: #57606a; --ground: #fff; --line: #d0d7de; --link: #0a58b5; }
  body { margin: 0; max-width: none; }
}
`;

/** What a page is made of. Texts are HTML already, but for the title. */
export interface Document {
  readonly title: string;
  /** Within `main`. */
  readonly body: string;
  /** Rules beside those of all pages. */
  readonly style?: string;
}

/**
 * A page that needs nothing else and can do nothing: its policy allows its own style and pictures within it, and no script, frame,
 * form or address.
 */
export function documentOf({ title, body, style: own = "" }: Document): string {
  const style = `${STYLE}${own}`;
  const hash = createHash("sha256").update(style).digest("base64");
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeXml(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

/** A few numbers that matter, with what they are. */
export function factsOf(facts: readonly { readonly label: string; readonly value: string }[]): string {
  if (facts.length === 0) return "";
  const items = facts.map(({ label, value }) => `<div><dt>${escapeXml(label)}</dt><dd>${escapeXml(value)}</dd></div>`);
  return `<dl>\n${items.join("\n")}\n</dl>`;
}

/** A table that can be scrolled where it is too wide. @param label - what it holds */
export function tableOf({ head, rows }: TextTable, label: string): string {
  const heads = head.map((cell) => `<th scope="col">${escapeXml(cell)}</th>`);
  const lines = rows.map(([first = "", ...others]) => {
    const cells = others.map((cell) => `<td>${escapeXml(cell)}</td>`);
    return `<tr><th scope="row">${escapeXml(first)}</th>${cells.join("")}</tr>`;
  });
  return `<div class="scroll" role="region" aria-label="${escapeXml(label)}" tabindex="0">
<table>
<thead><tr>${heads.join("")}</tr></thead>
<tbody>
${lines.join("\n")}
</tbody>
</table>
</div>`;
}

/** Things to know, one an item. */
export const listOf = (texts: readonly string[]): string =>
  texts.length === 0 ? "" : `<ul>\n${texts.map((text) => `<li>${escapeXml(text)}</li>`).join("\n")}\n</ul>`;
