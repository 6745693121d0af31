import { expect, it } from "vitest";
import type { MeasuredRow } from "../evaluate/index.js";
import { markdownTable, resultsCsv } from "./results.js";

const row = (model: string, top1: number, cropRatio: number): MeasuredRow =>
  ({
    ...{ model, top1, top5: 0.9925 },
    head: { model: { parameters: 5_288_548 }, settings: { resolution: 224, cropRatio, interpolation: "bicubic" } },
  }) as unknown as MeasuredRow;

// As in timm's results/results-imagenet.csv.
it("writes the columns and digits of timm's result files", () => {
  expect(resultsCsv([row("b0", 0.7654201, 224 / 256), row("b1, larger", 1, 1)])).toBe(
    [
      "model,top1,top1_err,top5,top5_err,param_count,img_size,crop_pct,interpolation",
      "b0,76.542,23.458,99.250,0.750,5.29,224,0.875,bicubic",
      '"b1, larger",100.000,0.000,99.250,0.750,5.29,224,1.000,bicubic',
      "",
    ].join("\n"),
  );
});

it("gives a spreadsheet no formula", () => {
  expect(resultsCsv([row('=HYPERLINK("x")', 0.5, 1)])).toContain(`"'=HYPERLINK(""x"")",50.000`);
});

it("keeps cells of Markdown apart", () => {
  expect(markdownTable({ head: ["a", "b"], rows: [["x|y", "1\n2"]] })).toBe(
    "| a | b |\n| --- | --- |\n| x\\|y | 1 2 |",
  );
});
