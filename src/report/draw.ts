import type { TopLevelSpec } from "vega-lite";
import { escapeXml } from "./escape.js";

/**
 * Draws a chart as SVG, in light colours. It asks nothing from the network.
 * @param name - what it shows, for those who do not see it
 */
export async function drawn(spec: TopLevelSpec, name: string): Promise<string> {
  // Loaded here since they take half a second, which every command would wait for.
  const [{ parse, View }, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  try {
    const svg = await view.toSVG();
    // Vega names the parts for assistive technology; the whole gets its name here. What can be followed must not lie in an image.
    const role = svg.includes("<a xlink:href=") ? "group" : "img";
    return svg.replace(/^<svg /, `<svg role="${role}" aria-label="${escapeXml(name)}" `);
  } finally {
    view.finalize();
  }
}
