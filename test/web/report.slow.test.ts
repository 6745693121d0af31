import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixres, makePictures } from "../command.js";
import { openBrowser } from "./browser.js";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

let folder: string;
let browser: Browser;
const at = (...names: string[]): string => join(folder, ...names);

async function done(...args: string[]): Promise<void> {
  const { code, stderr } = await fixres(args);
  expect(code, stderr).toBe(0);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-report-"));
  await makePictures(at("pictures"), { classes: 6, train: 8, val: 6 });
  const shared = ["--data", at("pictures"), "--threads", "1"];
  const net = ["efficientnet_b0", "--width", "0.25", "--depth", "0.25", "--resolution", "32", "--batch-size", "16"];
  await done("train", ...net, "--epochs", "2", ...shared, "--out", at("train"));
  await done("tune", at("train", "model"), "--resolution", "48", "--epochs", "3", ...shared, "--out", at("tune"));
  await done("report", at("tune"), at("train"));
  browser = await openBrowser();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/** A report in a page, with what its console says and what it asks for beside itself. */
async function opened(run: string, width: number, colorScheme: "light" | "dark") {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.message));
  page.on("request", (request) => {
    if (!/^(file|data):/.test(request.url())) said.push(`asked for ${request.url()}`);
  });
  await page.goto(pathToFileURL(at(run, "report.html")).href);
  return { page, said, close: () => context.close() };
}

async function findings(page: Page): Promise<string[]> {
  // As a debugger would, which no policy of the page forbids.
  await page.evaluate(await readFile(AXE, "utf8"));
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 200)}`);
}

describe.each([
  [1440, "light"],
  [390, "dark"],
] as const)("a report, %i px, %s", (width, scheme) => {
  it("shows a cell's pictures by mouse and by keyboard, says nothing on the console and fetches nothing", async () => {
    const { page, said, close } = await opened("tune", width, scheme);
    const cell = page.locator("#confusion-counts svg a").first();
    const target = (await cell.getAttribute("href"))!;
    expect(target).toMatch(/^#cell-\d+-\d+$/);
    const pictures = page.locator(target);
    expect(await pictures.isVisible()).toBe(false);
    await cell.click();
    expect(await pictures.isVisible()).toBe(true);
    const loaded = await pictures
      .locator("img")
      .first()
      .evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth);
    expect(loaded).toBeGreaterThan(10);
    await pictures.getByText("Back to the matrix").click();
    expect(await pictures.isVisible()).toBe(false);
    const other = page.locator("#confusion-shares svg a").last();
    await other.focus();
    await page.keyboard.press("Enter");
    expect(await page.locator((await other.getAttribute("href"))!).isVisible()).toBe(true);
    expect(said).toEqual([]);
    await close();
  });

  it("is no wider than the window, and of the colours that the reader has", async () => {
    const { page, close } = await opened("tune", width, scheme);
    const wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    expect(wide).toBe(0);
    const ground = await page.evaluate(
      "getComputedStyle(document.querySelector('#loss svg > rect')).fill + getComputedStyle(document.body).backgroundColor",
    );
    expect(ground).toBe(scheme === "dark" ? "rgb(13, 17, 23)rgb(13, 17, 23)" : "rgb(255, 255, 255)rgb(255, 255, 255)");
    await close();
  });

  it.each(["tune", "train"])("of %s has nothing serious against its accessibility", async (run) => {
    const { page, close } = await opened(run, width, scheme);
    if (run === "tune") await page.locator("#confusion-counts svg a").first().click();
    for (const details of await page.locator("summary").all()) await details.click();
    expect(await findings(page)).toEqual([]);
    await close();
  });
});
