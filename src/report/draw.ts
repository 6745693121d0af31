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
    return accessible(await view.toSVG(), name);
  } finally {
    view.finalize();
  }
}

const TAG = /<[a-z][^>]*>/g;
const PARTS = / (?:role|aria-roledescription|aria-label)="[^"]*"/g;
const LINK = /<a xlink:href="([^"]*)"><path aria-label="([^"]*)"/g;

/**
 * An SVG as those hear it who do not see it: one image with a name, whose parts Vega would have read out one by one. What can be
 * followed must not lie in an image: such a chart is a group of named links, and texts upon them do not catch the pointer.
 */
function accessible(svg: string, name: string): string {
  const linked = svg.replaceAll(LINK, '<a xlink:href="$1" data-name="$2"><path');
  const plain = linked.replaceAll(TAG, (tag) =>
    tag
      .replaceAll(PARTS, "")
      .replace(/^<a (.*) data-name=/, "<a $1 aria-label=")
      .replace('class="mark-text role-mark', 'pointer-events="none" class="mark-text role-mark'),
  );
  const role = linked === svg ? "img" : "group";
  return plain.replace(/^<svg /, `<svg role="${role}" aria-label="${escapeXml(name)}" `);
}
