import { describe, expect, it } from "vitest";
import { calibration } from "../../evaluate/index.js";
import type { EvaluationFindings, RunFindings } from "../findings/index.js";
import { svgToPng } from "../png.js";
import type { RunRecord } from "../runs/index.js";
import { type Figure, figureSvg, figuresOf } from "./index.js";

const HOSTILE = `</text><script>alert("x")</script>\u0000\u202e' & ]]> \${x} datum.label`;

const run: RunRecord = {
  ...{ format: "fixres-run/1", kind: "tune", name: HOSTILE, status: "done" },
  ...{ started: "2026-01-02T03:04:05Z", updated: "2026-01-02T03:04:05Z", ended: null, pid: 1, host: "h", version: "0" },
  ...{ argv: [], cwd: "/", settings: {}, progress: null, result: null, error: null, files: {} },
  model: { arch: "b0", classes: 3, parameters: 5e6, trainResolution: 224, macs: [{ resolution: 320, macs: 8e8 }] },
  epochs: [1, 2, 3].map((epoch) => ({
    epoch,
    trainLoss: 3 / epoch,
    judgedTop1: epoch / 5,
    valLoss: epoch === 2 ? null : 1,
  })),
};

const trust = calibration();
for (let i = 0; i < 100; i++) trust.add(i / 100, i % 2);
const picture = { id: HOSTILE, label: 0, predicted: 1, probability: 0.5, loss: 2 };
const evaluation: EvaluationFindings = {
  ...{ name: "after", classes: [HOSTILE, `${HOSTILE}`, "c"], n: 5, calibration: trust.result(), worst: [picture] },
  head: { data: { protocol: null } } as unknown as EvaluationFindings["head"],
  mostConfused: [
    { label: HOSTILE, predicted: "c", count: 2, n: 3 },
    { label: HOSTILE, predicted: "c", count: 1, n: 3 },
  ],
  matrix: {
    ...{ shown: [0, 1, 2], sizes: [3, 1, 1] },
    cells: [
      { label: 0, predicted: 0, count: 1, pictures: [] },
      { label: 0, predicted: 1, count: 2, pictures: [picture] },
      { label: 2, predicted: 2, count: 1, pictures: [] },
    ],
  },
};
const spread = { mean: 1, p10: 0.6, p50: 0.9, p90: 1.5 };
const found: RunFindings = {
  ...{ folder: "/", run, evaluations: [evaluation], thumbnails: new Map(), notes: [] },
  accuracies: [
    { name: "before", resolution: 320, top1: 0.7, ci95: [0.6, 0.8], n: 50, parameters: 5e6, macs: 8e8 },
    { name: HOSTILE, resolution: 320, top1: 0.75, ci95: [0.65, 0.85], n: 50, parameters: 5e6, macs: 8e8 },
  ],
  sizes: {
    ...{ pictures: 9, sameSize: 256, train: { resolution: 224, magnification: spread } },
    tests: [{ resolution: 320, magnification: spread, ratio: spread }],
  },
};

const NAMES = [
  ...["resolution", "accuracy-multiply-adds", "accuracy-parameters", "loss", "accuracy", "object-sizes"],
  ...["confusion-counts", "confusion-shares", "confused-pairs", "reliability"],
];
const figures = new Map(figuresOf(found).figures.map((figure) => [figure.name, figure]));
const figureOf = (name: string): Figure => figures.get(name)!;

describe("figures", () => {
  it("are all there where there is data for all", () => {
    expect([...figures.keys()]).toEqual(NAMES);
    expect(figuresOf(found).absent).toEqual([]);
  });

  it("are left out where there is none, and say why", () => {
    const none = {
      ...found,
      evaluations: [],
      accuracies: [],
      sizes: { why: "no pictures." },
      run: { ...run, epochs: [] },
    };
    const { figures: left, absent } = figuresOf(none);
    expect(left).toEqual([]);
    expect(absent).toHaveLength(7);
    expect(absent.every(({ title, why }) => title !== "" && why.endsWith("."))).toBe(true);
  });

  it.each(NAMES)("%s is drawn, with nothing but text of what files say", async (name) => {
    const figure = figureOf(name);
    const light = await figureSvg(figure);
    expect(light).not.toMatch(/<script|<image|url\(|\son\w+=|javascript:|undefined|NaN/);
    expect(light.replaceAll(/xmlns(:xlink)?="[^"]*"/g, "")).not.toMatch(/https?:/);
    expect(light).toContain('aria-label="');
    // libxml refuses what is not well-formed, or holds characters that XML has no place for.
    expect((await svgToPng(light, 1)).length).toBeGreaterThan(1000);
    const dark = await figureSvg(figure, { look: "dark" });
    expect(dark).toContain('fill="#0d1117"');
    expect(dark).not.toContain('"#ffffff"');
    const variables = await figureSvg(figure, { look: "variables", titled: false });
    expect(variables).toContain("var(--chart-ground, #ffffff)");
    expect(figure.table.rows.every((row) => row.length === figure.table.head.length)).toBe(true);
    expect(figure.table.rows.length).toBeGreaterThan(0);
    expect(figure.alt).toMatch(/\.$/);
  });

  it("a cell of the confusion matrix leads to its pictures, by a name that tells it", async () => {
    const svg = await figureSvg(figureOf("confusion-counts"));
    expect(Array.from(svg.matchAll(/<a xlink:href="([^"]*)"/g), ([, href]) => href)).toEqual([
      "#cell-0-0",
      "#cell-0-1",
      "#cell-2-2",
    ]);
    expect(svg).toContain('aria-label="c taken for c: 1 of 1"');
    expect(svg).toMatch(/^<svg role="group"/);
  });

  it("classes of the same name keep rows and columns of their own", () => {
    const text = JSON.stringify(figureOf("confusion-shares").spec);
    expect(text).toContain("(1)");
  });

  it("numbers are percentages as everywhere", () => {
    expect(figureOf("resolution").table.rows[0]).toEqual(["320", "before", "70.00%", "60.00% to 80.00%", "50"]);
    expect(figureOf("confused-pairs").table.rows[0]!.slice(2)).toEqual(["2 of 3", "66.67%"]);
  });

  it("tells a loss that was not finite as missing", () => {
    expect(figureOf("loss").table.rows[1]).toEqual(["2", "1.5000", "-"]);
  });
});
