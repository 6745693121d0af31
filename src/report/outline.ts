import { escapeXml, unescapeXml } from "./escape.js";
import { GLYPHS, type Glyph, UNITS_PER_EM } from "./glyphs.js";

/** What bold adds: a stroke around each letter, and room for it, in units of the glyphs. */
const BOLD = { stroke: 34, spacing: 28 };

/** A text element without others in it; Vega's are all so. */
const TEXT = /<text\b([^>]*)>([^<]*)<\/text>/g;
const ATTRIBUTE = /([\w:-]+)="([^"]*)"/g;

/** Attributes that letters have and outlines do not; all others (colour, place, label) stay. */
const CONSUMED = new Set(["x", "y", "font-size", "font-weight", "font-family", "font-style", "text-anchor"]);

/**
 * An SVG with its texts drawn as outlines, which look the same everywhere and need no font. A text with a letter that
 * `GLYPHS` lacks is left to the fonts of the machine.
 */
export function outlineText(svg: string): string {
  return svg.replaceAll(TEXT, (element: string, attributeText: string, content: string) => {
    const attributes = new Map(Array.from(attributeText.matchAll(ATTRIBUTE), ([, name, value]) => [name!, value!]));
    const letters: (Glyph | undefined)[] = Array.from(unescapeXml(content), (letter) => GLYPHS.get(letter));
    return letters.every((letter) => letter !== undefined) ? group(attributes, letters) : element;
  });
}

function group(attributes: ReadonlyMap<string, string>, letters: readonly Glyph[]): string {
  const number = (name: string, otherwise: number): number =>
    Number.parseFloat(attributes.get(name) ?? "") || otherwise;
  const bold = /^(bold|[6-9]00)$/.test(attributes.get("font-weight") ?? "");
  let end = 0;
  const path = letters.map((letter) => {
    const begin = end;
    end += letter.advance + (bold ? BOLD.spacing : 0);
    return letter.path === "" ? "" : `M${begin} 0${letter.path}`;
  });
  const before = { middle: end / 2, end }[attributes.get("text-anchor") ?? ""] ?? 0;
  const scale = number("font-size", 16) / UNITS_PER_EM;
  const place = `translate(${number("x", 0) - before * scale} ${number("y", 0)}) scale(${scale})`;
  // The colour is the text's own or inherited, which a stroke cannot refer to; Vega always gives it.
  const stroke = bold ? ` stroke="${attributes.get("fill") ?? "black"}" stroke-width="${BOLD.stroke}"` : "";
  const kept = [...attributes]
    .filter(([name]) => !CONSUMED.has(name))
    .map(([name, value]) => ` ${name}="${escapeXml(unescapeXml(value))}"`);
  return `<g${kept.join("")}><path transform="${place}"${stroke} d="${path.join("")}"/></g>`;
}

/** The width of a text in em, as its outlines have it; of letters without one, that of a wide letter. */
export function widthOf(text: string, bold = false): number {
  const advances = Array.from(text, (letter) => GLYPHS.get(letter)?.advance ?? 0.75 * UNITS_PER_EM);
  return advances.reduce((sum, advance) => sum + advance + (bold ? BOLD.spacing : 0), 0) / UNITS_PER_EM;
}
