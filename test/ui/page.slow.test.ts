import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningUi } from "../../src/ui/index.js";
import { fixres } from "../command.js";
import { openBrowser } from "../web/browser.js";
import { ask, makeRuns, openUi, removed } from "./open.js";

let place: Awaited<ReturnType<typeof makeRuns>>;
let ui: RunningUi;
let browser: Browser;
let axe: string;

beforeAll(async () => {
  place = await makeRuns();
  const second = ["eval", join(place.runs, "model"), "--data", place.pictures, "--resolution", "48"];
  expect((await fixres([...second, "--out", join(place.runs, "eval-48")])).code).toBe(0);
  [ui, browser] = await Promise.all([openUi(place.runs), openBrowser()]);
  axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
}, 240_000);
afterAll(async () => {
  await browser?.close();
  await ui?.close();
  if (place) await removed(place.folder);
});

const SIZES = [
  { width: 1440, height: 900, scheme: "light" },
  { width: 390, height: 844, scheme: "dark" },
  { width: 1440, height: 900, scheme: "dark" },
  { width: 390, height: 844, scheme: "light" },
] as const;

interface Opened {
  readonly page: Page;
  /** What went wrong in the page. */
  readonly faults: string[];
  close(): Promise<void>;
}

async function open({ width, height, scheme }: (typeof SIZES)[number] = SIZES[0]): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(ui.url);
  await page.getByRole("heading", { name: "Runs" }).waitFor();
  return { page, faults, close: () => context.close() };
}

/** Serious findings of axe. */
async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    type Found = { violations: { id: string; impact: string; nodes: { html: string }[] }[] };
    const { axe } = globalThis as unknown as { axe: { run(): Promise<Found> } };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });
}

const idOf = async (name: string): Promise<string> => {
  const answer = await ask(ui.origin, "/api/runs", { headers: { authorization: `Bearer ${ui.token}` } });
  return answer.json<{ runs: { id: string; name: string }[] }>().runs.find((run) => run.name === name)!.id;
};

describe.each(SIZES)("at $width pixels, $scheme", (size) => {
  it("each page opens, without an error, a serious finding or anything wider than the screen", async () => {
    const [one, two] = [await idOf("eval"), await idOf("eval-48")];
    const { page, faults, close } = await open(size);
    const pages: [string, () => Promise<unknown>][] = [
      ["/", () => page.getByRole("link", { name: "eval-48" }).waitFor()],
      [`/runs/${one}`, () => page.locator("figure img").first().waitFor()],
      [`/runs/${one}/pictures/0`, () => page.locator(".tile img").first().waitFor()],
      [`/compare?runs=${one},${two}`, () => page.getByText("McNemar").waitFor({ timeout: 40_000 })],
      ["/start?command=train", () => page.getByLabel("Name of the run").waitFor()],
      ["/predict", () => page.getByLabel("Model").waitFor()],
      ["/nowhere", () => page.getByText("There is no such page").waitFor()],
    ];
    for (const [path, ready] of pages) {
      await page.goto(`${ui.origin}${path}`);
      await ready();
      expect(await findings(page), path).toEqual([]);
      const root = "document.documentElement";
      const wider = await page.evaluate(`${root}.scrollWidth - ${root}.clientWidth`);
      expect(wider, path).toBeLessThanOrEqual(0);
    }
    expect(faults).toEqual([]);
    await close();
  }, 180_000);
});

describe("by keyboard and mouse", () => {
  it("runs are found, chosen and compared by keyboard alone", async () => {
    const { page, faults, close } = await open();
    await page.keyboard.press("Tab");
    // From the heading, which has the focus, on to the search.
    for (let i = 0; i < 12; i++) {
      if (await page.evaluate("document.activeElement?.type === 'search'")) break;
      await page.keyboard.press("Tab");
    }
    await page.keyboard.type("preprocessing.resolution=48");
    await page.getByText("1 of 2 runs").waitFor();
    await page.getByRole("searchbox").fill("eval");
    await page.getByText("2 runs").waitFor();
    for (const name of ["eval", "eval-48"]) {
      await page.getByRole("checkbox", { name: `Compare ${name}`, exact: true }).focus();
      await page.keyboard.press("Space");
    }
    await page.getByRole("link", { name: "Compare" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Comparison" }).waitFor();
    await page
      .getByRole("cell", { name: "preprocessing.resolution" })
      .or(page.getByText("preprocessing.resolution"))
      .first()
      .waitFor();
    await page.getByText("McNemar").waitFor({ timeout: 40_000 });
    expect(faults).toEqual([]);
    await close();
  }, 90_000);

  it("a cell of the confusion matrix leads to its pictures, by mouse and by keyboard", async () => {
    const { page, faults, close } = await open();
    await page.goto(`${ui.origin}/runs/${await idOf("eval")}`);
    const cells = page.locator(".matrix").first().getByRole("link");
    await cells.first().waitFor({ timeout: 30_000 });
    // Figures say what must be known of them.
    await page.getByText("so that heights do not compare").first().waitFor();
    for (const choose of [() => cells.first().click(), () => cells.first().press("Enter")]) {
      const told = await cells.first().getAttribute("aria-label");
      const [, is, taken, count] = /^(.*) taken for (.*): (\d+) of \d+$/.exec(told!)!;
      await choose();
      await page.getByText(`${count} picture`).waitFor();
      expect(page.url()).toMatch(/\/pictures\/0\?label=\d+&predicted=\d+$/);
      const chosen = page.locator(".filters select option:checked");
      await expect.poll(() => chosen.nth(1).textContent()).toContain(`${is} (`);
      await expect.poll(() => chosen.nth(2).textContent()).toBe(taken);
      await page.goBack();
      await cells.first().waitFor();
    }
    expect(faults).toEqual([]);
    await close();
  }, 60_000);

  it("pictures are filtered, opened, and walked through by arrows", async () => {
    const { page, faults, close } = await open();
    await page.goto(`${ui.origin}/runs/${await idOf("eval")}/pictures/0`);
    await page.getByText("15 pictures").waitFor();
    const loaded = () => page.evaluate("document.querySelector('.tile img').naturalWidth > 0");
    await expect.poll(loaded, { timeout: 15_000 }).toBe(true);
    await page.locator(".tile").first().click();
    const dialog = page.getByRole("dialog");
    const first = await dialog.getAttribute("aria-label");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => dialog.getAttribute("aria-label")).not.toBe(first);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("combobox", { name: /^Class/ }).selectOption({ index: 1 });
    await page.getByText("5 pictures").waitFor();
    await page.getByRole("combobox", { name: /^Outcome/ }).selectOption("right");
    await page.waitForURL(/outcome=right/);
    expect(faults).toEqual([]);
    await close();
  }, 60_000);

  it("a picture is uploaded and predicted", async () => {
    const { page, faults, close } = await open();
    await page.getByRole("link", { name: "Try a model" }).click();
    const buffer = await sharp({ create: { width: 60, height: 40, channels: 3, background: "teal" } })
      .png()
      .toBuffer();
    await page.locator("input[type=file]").setInputFiles([
      { name: "teal.png", mimeType: "image/png", buffer },
      { name: "<b>no.png", mimeType: "image/png", buffer: Buffer.from("none") },
    ]);
    await page.getByRole("button", { name: "What do they show?" }).click();
    await page.locator(".guesses li").nth(2).waitFor({ timeout: 40_000 });
    await page.getByText("<b>no.png", { exact: true }).waitFor();
    expect(faults).toEqual([]);
    await close();
  }, 60_000);
});

it("a run is started, followed while it trains, through a restart of the server, stopped and gone on with", async () => {
  const { page, faults, close } = await open();
  await page.getByRole("link", { name: "Start a run" }).click();
  await page.getByRole("button", { name: "train" }).click();
  await page.getByLabel("Name of the run").fill("live");
  await page
    .getByRole("textbox", { name: /^arch/ })
    .or(page.getByRole("combobox", { name: /^arch/ }))
    .first()
    .fill("efficientnet_b0");
  await page.getByLabel(/^data/).fill(place.pictures);
  await page.getByLabel(/^resolution/).fill("thirty");
  await page.getByLabel(/^epochs/).fill("400");
  await page.getByText(/more options/).click();
  await page.getByLabel(/^width/).fill("0.1");
  await page.getByLabel(/^depth/).fill("0.1");
  await page.getByLabel(/^batch-size/).fill("6");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  // The command line's own words, at the field that they are about.
  await page
    .getByRole("alert")
    .getByText(/resolution is "thirty"/)
    .waitFor();
  expect(await page.getByLabel(/^resolution/).getAttribute("aria-invalid")).toBe("true");
  faults.length = 0; // The browser tells of the refusal.
  await page.getByLabel(/^resolution/).fill("32");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByRole("heading", { name: "live" }).waitFor();
  const epochs = () => page.locator("section:has(> #epochs) tbody tr").count();
  await expect.poll(epochs, { timeout: 60_000 }).toBeGreaterThan(0);
  const seen = await epochs();
  await expect.poll(epochs, { timeout: 60_000 }).toBeGreaterThan(seen);
  expect(faults).toEqual([]);

  const port = Number(new URL(ui.origin).port);
  await ui.close();
  await page.getByText("server away").waitFor();
  const before = await epochs();
  expect(before).toBeGreaterThan(0);
  ui = await openUi(place.runs, port);
  await page.getByText("live", { exact: true }).first().waitFor();
  await page.locator(".connection.on").waitFor({ timeout: 20_000 });
  await expect.poll(epochs, { timeout: 60_000 }).toBeGreaterThan(before);

  // The server that stops it is not the one that started it.
  await page.getByRole("button", { name: "Stop" }).click();
  await page.locator(".status.stopped").waitFor({ timeout: 60_000 });
  const stopped = await epochs();
  await page.getByRole("button", { name: "Go on" }).click();
  await expect.poll(epochs, { timeout: 60_000 }).toBeGreaterThan(stopped);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.locator(".status.stopped").waitFor({ timeout: 60_000 });
  await close();
}, 300_000);

it("the first view is small and quick", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  let bytes = 0;
  page.on("response", async (response) => {
    if (response.request().resourceType() === "script") bytes += gzipSync(await response.body()).length;
  });
  await page.goto(ui.url);
  await page.getByRole("link", { name: "eval-48" }).waitFor();
  // Again, since the first start of a browser is not the page's.
  const start = performance.now();
  await page.reload();
  await page.getByRole("link", { name: "eval-48" }).waitFor();
  const took = performance.now() - start;
  expect(bytes).toBeGreaterThan(1000);
  expect(bytes).toBeLessThan(300_000);
  expect(took).toBeLessThan(1000);
  await context.close();
});
