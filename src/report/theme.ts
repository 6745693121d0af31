import type { Config } from "vega-lite";

/** One look of all charts. Colours are written in full where they are used, so that `recoloured` finds them. */
export const FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";
export const LABEL_SIZE = 12;
export const SMALL = 11;
export const GROUND = "#ffffff";
export const INK = "#1f2328";
export const MUTED = "#57606a";
const GRID = "#e4e7eb";
const LINE = "#8c959f";

/** Okabe and Ito's colours, which stay apart under every common colour blindness, darkened where text needs contrast. */
export const COLOURS = ["#0072b2", "#c14f00", "#007a58", "#a8457f", "#946800", "#2b7ea6", "#333333"];
/** Curves differ in shape too, so that they can be told apart in grey. */
export const SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right"];

/** Each colour of a chart by the name of its CSS variable, on a light and on a dark ground. */
const PALETTE: readonly (readonly [name: string, light: string, dark: string])[] = [
  ["ground", GROUND, "#0d1117"],
  ["ink", INK, "#e6edf3"],
  ["muted", MUTED, "#a3adb8"],
  ["grid", GRID, "#262c34"],
  ["line", LINE, "#6e7681"],
  ["series-1", COLOURS[0]!, "#56b4e9"],
  ["series-2", COLOURS[1]!, "#f0a04b"],
  ["series-3", COLOURS[2]!, "#33c49a"],
  ["series-4", COLOURS[3]!, "#e08fc0"],
  ["series-5", COLOURS[4]!, "#dcb244"],
  ["series-6", COLOURS[5]!, "#a5d4f2"],
  ["series-7", COLOURS[6]!, "#cfd6dd"],
];

/** Vega-Lite's settings for every chart. */
export const CONFIG: Config = {
  font: FONT,
  view: { stroke: null },
  title: {
    anchor: "start",
    frame: "bounds",
    fontSize: 16,
    color: INK,
    offset: 14,
    subtitleFontSize: LABEL_SIZE,
    subtitleColor: MUTED,
    subtitlePadding: 5,
  },
  axis: {
    labelFontSize: LABEL_SIZE,
    labelColor: MUTED,
    titleFontSize: LABEL_SIZE,
    titleColor: INK,
    titleFontWeight: "normal",
    titlePadding: 10,
    gridColor: GRID,
    domainColor: LINE,
    tickColor: LINE,
  },
  legend: {
    labelFontSize: LABEL_SIZE,
    labelColor: INK,
    labelLimit: 260,
    symbolSize: 90,
    title: null,
    orient: "top",
    direction: "horizontal",
    columns: 2,
  },
};

/** A chart's colours are attributes of its SVG, and appear nowhere else in it. */
const COLOUR = /\b(fill|stroke)="(#[\da-f]{6})"/g;

/** A chart as SVG in other colours: those of a dark ground, or CSS variables `--chart-ink` and so on with the light ones to fall back on. */
export function recoloured(svg: string, look: "dark" | "variables"): string {
  const to = new Map(
    PALETTE.map(([name, light, dark]) => [light, look === "dark" ? dark : `var(--chart-${name}, ${light})`]),
  );
  return svg.replaceAll(COLOUR, (whole, attribute: string, colour: string) => {
    const other = to.get(colour);
    return other === undefined ? whole : `${attribute}="${other}"`;
  });
}

/** The CSS variables of charts, light, and dark where the reader has it so. */
export const CHART_VARIABLES = `:root { ${variables(1)} }
@media (prefers-color-scheme: dark) { :root { ${variables(2)} } }
@media print { :root { ${variables(1)} } }`;

function variables(look: 1 | 2): string {
  return PALETTE.map((one) => `--chart-${one[0]}: ${one[look]};`).join(" ");
}
