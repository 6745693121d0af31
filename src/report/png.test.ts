import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { DataError, RequestError } from "../errors.js";
import { GLYPHS } from "./glyphs.js";
import { outlineText } from "./outline.js";
import { svgToPng } from "./png.js";

const svg = (content: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="40"><rect width="100" height="40" fill="white"/>${content}</svg>`;

/** Columns of an image that anything is drawn in: first, last and their number. */
async function inkedColumns(png: Uint8Array): Promise<{ first: number; last: number; count: number }> {
  const { data, info } = await sharp(png).greyscale().raw().toBuffer({ resolveWithObject: true });
  const columns = Array.from({ length: info.width }, (_, x) => x).filter((x) =>
    Array.from({ length: info.height }, (_, y) => data[(y * info.width + x) * info.channels]!).some(
      (value) => value < 128,
    ),
  );
  return { first: columns[0] ?? -1, last: columns.at(-1) ?? -1, count: columns.length };
}

describe("svgToPng", () => {
  it("draws at the scale asked for", async () => {
    const sizes = [1, 2, 0.5].map(async (scale) => sharp(await svgToPng(svg(""), scale)).metadata());
    expect((await Promise.all(sizes)).map(({ width, height }) => [width, height])).toEqual([
      [100, 40],
      [200, 80],
      [50, 20],
    ]);
  });

  it.each([
    ["start", 5],
    ["middle", 50],
    ["end", 95],
  ])("draws text anchored at its %s", async (anchor, x) => {
    const text = `<text text-anchor="${anchor}" transform="translate(${x},30)" font-size="16px" fill="black">HHHH</text>`;
    const { first, last } = await inkedColumns(await svgToPng(svg(text), 1));
    // Four letters of 0.752 em, and 0.098 em of each are empty on either side.
    const begin = x - 4 * 0.752 * 16 * { start: 0, middle: 0.5, end: 1 }[anchor]!;
    expect(Math.abs(first - (begin + 0.098 * 16))).toBeLessThan(1.5);
    expect(Math.abs(last + 1 - (begin + (4 * 0.752 - 0.098) * 16))).toBeLessThan(1.5);
  });

  it("draws the same without any font on the machine", async () => {
    const folder = await mkdtemp(join(tmpdir(), "fixres-fonts-"));
    try {
      const config = join(folder, "fonts.conf");
      await writeFile(config, "<fontconfig></fontconfig>");
      const drawn = svg(
        '<text x="5" y="30" font-size="16" font-weight="bold" fill="#0072b2">R 224 &lt;&amp;&gt;</text>',
      );
      const module = new URL("./png.ts", import.meta.url).href;
      const script = `import(${JSON.stringify(module)})
        .then(({ svgToPng }) => svgToPng(${JSON.stringify(drawn)}))
        .then((png) => console.log(Buffer.from(png).toString("base64")));`;
      const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", "-e", script], {
        env: { ...process.env, FONTCONFIG_FILE: config },
      });
      const png = Buffer.from(stdout, "base64");
      expect((await inkedColumns(png)).count).toBeGreaterThan(60);
      expect(png.equals(await svgToPng(drawn))).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("refuses what is no SVG, and scales that make no picture", async () => {
    await expect(svgToPng("no picture")).rejects.toThrow(DataError);
    await expect(svgToPng("<svg")).rejects.toThrow(/^the SVG cannot be drawn: [^\n]+\.$/);
    await expect(svgToPng(svg(""), 0)).rejects.toThrow(RequestError);
    await expect(svgToPng(svg(""), 17)).rejects.toThrow(
      "the scale is 17; give a number above 0 and at most 16, such as 2.",
    );
  });
});

describe("outlineText", () => {
  it("has outlines of all of ASCII", () => {
    for (let code = 33; code < 127; code++) expect(GLYPHS.get(String.fromCharCode(code))?.path).toMatch(/^m.*z$/);
    expect(GLYPHS.get(" ")).toEqual({ advance: 159, path: "" });
  });

  it("keeps colour, place and label of a text, and drops what only letters have", () => {
    const text =
      '<text aria-label="a &lt; b" transform="translate(1,2)" font-family="serif" font-size="10px" fill="red">-</text>';
    expect(outlineText(text)).toBe(
      '<g aria-label="a &lt; b" transform="translate(1,2)" fill="red"><path transform="translate(0 0) scale(0.02)" ' +
        `d="M0 0${GLYPHS.get("-")!.path}"/></g>`,
    );
  });

  it("leaves texts to the machine's fonts that it has no letters for, and everything else alone", () => {
    const kept = '<text x="1">日本</text><text><tspan>a</tspan></text><path d="M0 0h1"/>';
    expect(outlineText(kept)).toBe(kept);
  });
});
