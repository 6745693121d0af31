import type { TopLevelSpec } from "vega-lite";
import { escapeXml } from "./escape.js";
import { widthOf } from "./outline.js";

/** What Vega asks for the width of texts, which it would guess half too wide without a canvas. */
interface TextMetrics {
  width(
    item: { readonly fontSize?: number; readonly fontWeight?: unknown; readonly limit?: number },
    text: unknown,
  ): number;
}

/**
 * Draws a chart as SVG, in light colours. It asks nothing from the network.
 * @param name - what it shows, for those who do not see it
 */
export async function drawn(spec: TopLevelSpec, name: string): Promise<string> {
  // Loaded here since they take half a second, which every command would wait for.
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const { textMetrics } = vega as unknown as { textMetrics: TextMetrics };
  textMetrics.width = ({ fontSize = 11, fontWeight, limit = 0 }, text) => {
    const width = text == null ? 0 : widthOf(String(text).trim(), fontWeight === "bold") * fontSize;
    return limit > 0 ? Math.min(width, limit) : width;
  };
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: "none" });
  try {
    const svg = await view.toSVG();
    // Vega names the parts for assistive technology; the whole gets its name here. What can be followed must not lie in an image.
    const role = svg.includes("<a xlink:href=") ? "group" : "img";
    return svg.replace(/^<svg /, `<svg role="${role}" aria-label="${escapeXml(name)}" `);
  } finally {
    view.finalize();
  }
}
