import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { random } from "../../random.js";
import { leaveRecord, leaveRun, row } from "../findings/record.testing.js";
import { figuresOf, runFindings } from "../index.js";
import { runPage } from "./run-page.js";

const HOSTILE = `</style></svg><script>alert("x")</script><img src=x onerror='y'>`;

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-page-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function pageOf(run: string): Promise<string> {
  const found = await runFindings(run);
  const { figures, absent } = figuresOf(found);
  return runPage(found, figures, absent);
}

describe("runPage", () => {
  it("escapes every text, and lets nothing run or be fetched", async () => {
    const rows = [row(`${HOSTILE}/1`, 0, 1, 3), row(`${HOSTILE}/2`, 1, 1, 0.1)];
    await leaveRecord(at("run"), [HOSTILE, `${HOSTILE} 2`], rows);
    await leaveRun(at("run"), {
      ...{
        name: HOSTILE,
        argv: ["eval", HOSTILE],
        settings: { [HOSTILE]: [HOSTILE] },
        error: HOSTILE,
        status: "failed",
      },
      result: { top1: 0.5, ci95: [0.1, 0.9], n: 2, preprocessing: { resolution: 224 } },
      files: { evaluation: "." },
    });
    const html = await pageOf(at("run"));
    expect(html).not.toMatch(/<script|<img src=x|<link|<iframe|https?:|url\(|@import|xmlns/);
    expect(html.match(/<\/style>/g)).toHaveLength(1);
    expect(html).toContain("&lt;script&gt;");
    const [, style] = /<style>([\s\S]*?)<\/style>/.exec(html)!;
    const hash = createHash("sha256").update(style!).digest("base64");
    expect(html).toContain(
      `content="default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'"`,
    );
    // A style attribute would be refused by that policy, and not be seen.
    expect(html).not.toMatch(/<[^>]* style="/);
  });

  it("has a place for each cell that can be chosen", async () => {
    const html = await pageOf(at("run"));
    const chosen = Array.from(html.matchAll(/<a href="#(cell-[^"]*)"/g), ([, id]) => id!);
    expect(chosen.length).toBe(4);
    for (const id of chosen) expect(html).toContain(`id="${id}"`);
    for (const [, id] of html.matchAll(/<a href="#([^"]*)"/g)) expect(html).toContain(`id="${id}"`);
  });

  it("stays small however many pictures and classes there are", async () => {
    const stream = random(5, "page");
    const classes = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
    const rows = Array.from({ length: 50_000 }, (_, i) =>
      row(`${i % 1000}/${i}.jpg`, i % 1000, stream.uniform() < 0.7 ? i % 1000 : stream.integer(1000), stream.uniform()),
    );
    await leaveRecord(at("large"), classes, rows);
    await leaveRun(at("large"), { files: { evaluation: "." } });
    const html = await pageOf(at("large"));
    expect(html.length).toBeLessThan(1_000_000);
    expect(html).toContain("Of 1000 classes the 30 are drawn that take part in most confusions");
  });

  it("tells what is left out", async () => {
    await leaveRun(at("bare"), { kind: "compare", model: null });
    const html = await pageOf(at("bare"));
    expect(html).toContain("<h2>Left out</h2>");
    expect(html).toContain("<li>Confusion matrix: the run keeps no row a picture");
  });
});
