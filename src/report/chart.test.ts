import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { type SweepChart, svgToPng, sweepChart } from "./index.js";

const curve = (name: string, accuracies: readonly number[]) => ({
  name,
  points: accuracies.map((top1, i) => ({
    resolution: 64 + 32 * i,
    top1,
    ci95: [top1 - 0.01, top1 + 0.01] as const,
  })),
});

const CHART: SweepChart = {
  title: 'B0 <on> "Fashion" & co',
  subtitle: "before and after",
  curves: [curve("trained", [0.7, 0.75, 0.72]), curve("<b>fixed</b> & kept", [0.68, 0.76, 0.78])],
  marks: { trainResolution: 64, fixResolution: 128 },
};

/** The texts of an SVG, in order. */
const texts = (svg: string): string[] => Array.from(svg.matchAll(/<text\b[^>]*>([^<]*)<\/text>/g), ([, text]) => text!);

/** Throws unless every tag is closed in turn, and every attribute quoted. */
function parseXml(xml: string): void {
  const open: string[] = [];
  const rest = xml.replaceAll(
    /<(\/?)([\w:-]+)((?:\s+[\w:-]+="[^"<&]*(?:&[#\w]+;[^"<&]*)*")*)\s*(\/?)>/g,
    (_, end, name, __, empty) => {
      if (end) expect(open.pop()).toBe(name);
      else if (!empty) open.push(name as string);
      return "";
    },
  );
  expect(open).toEqual([]);
  expect(rest.replaceAll(/&[#\w]+;/g, "")).not.toMatch(/[<>&]/);
}

describe("sweepChart", () => {
  it("is well-formed, names what it shows, and escapes it", async () => {
    const svg = await sweepChart(CHART);
    parseXml(svg);
    expect(svg).toMatch(/^<svg role="img" aria-label="B0 &lt;on&gt; &quot;Fashion&quot; &amp; co" /);
    expect(texts(svg)).toEqual(
      expect.arrayContaining([
        'B0 &lt;on&gt; "Fashion" &amp; co',
        "before and after",
        "64",
        "96",
        "128",
        "trained",
        "&lt;b&gt;fixed&lt;/b&gt; &amp; kept",
        "trained at 64",
        "fixed at 128",
        "Test resolution, px",
        "Top-1 accuracy, %",
        "bands: 95% intervals",
      ]),
    );
  });

  it("asks nothing from the network, and is white whatever the page around it", async () => {
    const svg = await sweepChart(CHART);
    expect(svg.replaceAll(/xmlns(:xlink)?="[^"]*"/g, "")).not.toMatch(/https?:|url\(|@import|<script/);
    expect(svg).toMatch(/<rect width="\d+" height="\d+" fill="#ffffff"\/>/);
  });

  it("is the same each time", async () => {
    expect(await sweepChart(CHART)).toBe(await sweepChart(CHART));
  });

  it("keeps the names of curves apart that end at one point", async () => {
    const names = ["a", "b", "c", "d"];
    const svg = await sweepChart({ title: "t", curves: names.map((name) => curve(name, [0.5, 0.9])) });
    const heights = names.map((name) =>
      Number(new RegExp(`translate\\([\\d.]+,([\\d.]+)\\)"[^>]*>${name}</text>`).exec(svg)![1]),
    );
    heights.sort((a, b) => a - b);
    for (const [i, height] of heights.slice(1).entries()) expect(height - heights[i]!).toBeGreaterThan(12);
    expect(heights[0]).toBeGreaterThan(0);
    expect(heights.at(-1)).toBeLessThan(320);
  });

  it("draws a single point, without marks and subtitle, with a bar for its interval", async () => {
    const svg = await sweepChart({ title: "t", curves: [curve("only", [0.7])] });
    expect(texts(svg)).toContain("bars: 95% intervals");
    expect(svg).not.toMatch(/NaN|undefined|trained at/);
  });

  it("has one line where training and fix share a resolution", async () => {
    const svg = await sweepChart({ ...CHART, marks: { trainResolution: 96, fixResolution: 96 } });
    expect(texts(svg).filter((text) => text.includes(" at 96"))).toEqual(["trained and fixed at 96"]);
  });

  it.each<[Partial<SweepChart>, string]>([
    [{ curves: [] }, "a chart of 0 curves cannot be drawn; give 1 to 7."],
    [{ curves: Array(8).fill(curve("a", [0.5])) }, "a chart of 8 curves cannot be drawn; give 1 to 7."],
    [{ curves: [curve("a", [])] }, 'curve "a" has no points; give at least 1.'],
    [{ curves: [curve("a", [Number.NaN])] }, 'curve "a" has a point [64, NaN, NaN, NaN]; give finite numbers.'],
    [{ marks: { trainResolution: Number.NaN } }, "trainResolution is NaN; give a finite number or leave it out."],
  ])("refuses %j", async (change, message) => {
    const attempt = sweepChart({ ...CHART, ...change });
    await expect(attempt).rejects.toThrow(RequestError);
    await expect(attempt).rejects.toThrow(message);
  });
});

it("a chart as PNG shows its texts and its curves on white", async () => {
  const svg = await sweepChart(CHART);
  const [width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.slice(1).map(Number) as [number, number];
  const image = await sharp(await svgToPng(svg, 2))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([image.info.width, image.info.height]).toEqual([2 * width, 2 * height]);
  /** Share of pixels that differ from white in a rectangle of the SVG. */
  const ink = (left: number, top: number, right: number, bottom: number): number => {
    let count = 0;
    for (let y = 2 * top; y < 2 * bottom; y++) {
      for (let x = 2 * left; x < 2 * right; x++) {
        const at = 3 * (y * image.info.width + x);
        if (image.data[at]! + image.data[at + 1]! + image.data[at + 2]! < 600) count++;
      }
    }
    return count / (4 * (right - left) * (bottom - top));
  };
  // The title's line, the row of the x axis' title, and the margin around all.
  expect(ink(14, 14, 220, 30)).toBeGreaterThan(0.1);
  expect(ink(250, height - 30, 420, height - 14)).toBeGreaterThan(0.05);
  expect(ink(0, 0, width, 10)).toBe(0);
});
