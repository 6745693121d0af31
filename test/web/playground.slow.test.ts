import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSplits } from "../../src/data/index.js";
import { evaluate, predict, testPreprocessing } from "../../src/evaluate/index.js";
import { exportOnnx } from "../../src/export/index.js";
import { loadModel } from "../../src/models/index.js";
import { fixres } from "../command.js";
import { openBrowser, type Server, serve } from "./browser.js";
import { examplePictures, shippedModels } from "./examples.js";

/** What `fixres playground` writes, served from a folder of its own; and 60 pictures, a folder a class. */
let folder: string;
let server: Server;
let browser: Browser;
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-playground-"));
  const written = await fixres(["playground", "--out", at("site"), "--json"]);
  expect(written.code, written.stderr).toBe(0);
  expect(JSON.parse(written.stdout)).toEqual({ folder: at("site") });
  server = await serve({ "/deep/down/": at("site") });
  browser = await openBrowser();
  const { base } = await shippedModels();
  await writeFile(at("base.onnx"), exportOnnx(base));
  for (const [i, { class: name, file }] of (await examplePictures(base.classes, 20)).entries()) {
    const own = at(i % 20 < 6 ? "sixty" : "others", name);
    await mkdir(own, { recursive: true });
    await writeFile(join(own, `${i}.png`), file);
  }
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Opens the page and does something with it, after which it must have complained of nothing. */
async function inPage(options: BrowserContextOptions, work: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("request", (request) => asked.push(request.url()));
  try {
    await page.goto(`${server.origin}/deep/down/index.html`);
    await page.locator(".bars li").nth(5).waitFor();
    await work(page);
    expect(complaints).toEqual([]);
    expect(asked.filter((url) => !url.startsWith(server.origin) && !/^(blob|data):/.test(url))).toEqual([]);
  } finally {
    await context.close();
  }
}

/** What axe-core finds that is serious or worse. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  return page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }).axe;
    interface Violation {
      id: string;
      impact: string;
      nodes: { html: string }[];
    }
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
}

/** The first class of a model's list and its probability, percent. */
async function verdict(page: Page, which: "Base" | "Fixed"): Promise<[name: string, percent: number]> {
  const first = page
    .getByRole("region", { name: `${which} model` })
    .locator(".bars li")
    .first();
  const name = await first.locator(".bar-label").textContent();
  return [name!, Number.parseFloat((await first.locator(".bar-value").textContent())!)];
}

/** Waits until a run has ended well, and gives what is said of it. */
async function outcome(page: Page): Promise<{ before: number; after: number; text: string }> {
  await page.getByRole("link", { name: /Download/ }).waitFor({ timeout: 90_000 });
  const text = (await page.getByRole("status").textContent())!;
  const [before, after] = /from (\d+)% to (\d+)%/.exec(text)!.slice(1).map(Number);
  return { before: before!, after: after!, text };
}

const drop = async (page: Page, path: string): Promise<void> => {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await session.send("Input.dispatchDragEvent", { type, x: 100, y: 100, data });
};

describe("the playground", () => {
  it("is less than 200 kB of script, compressed", async () => {
    const assets = await readdir(at("site", "assets"));
    const scripts = await Promise.all(
      assets.filter((name) => name.endsWith(".js")).map((name) => readFile(at("site", "assets", name))),
    );
    expect(scripts.length).toBeGreaterThan(1);
    const size = scripts.reduce((sum, script) => sum + gzipSync(script).length, 0);
    // 140 kB when this was written, a sixth of it ONNX Runtime's.
    expect(size).toBeLessThan(160_000);
  });

  it.each([
    [390, "light"],
    [390, "dark"],
    [1440, "light"],
    [1440, "dark"],
  ] as const)(
    "is used with the keyboard at %i px, %s",
    async (width, colorScheme) => {
      await inPage({ viewport: { width, height: 900 }, colorScheme }, async (page) => {
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        expect(await faults(page)).toEqual([]);
        const slider = page.getByRole("slider");
        expect(await slider.inputValue()).toBe("32");
        const [name, sure] = await verdict(page, "Base");
        expect(name).toBe("ankle-boot");
        await slider.focus();
        await page.keyboard.press("ArrowRight");
        await page.keyboard.press("ArrowRight");
        expect(await slider.inputValue()).toBe("40");
        await expect.poll(async () => (await verdict(page, "Base"))[1]).toBeLessThan(sure);
        await expect.poll(async () => (await verdict(page, "Fixed"))[0]).toBe("ankle-boot");
        // The next example, by the keyboard alone.
        await page.getByRole("button", { name: "example: ankle-boot" }).focus();
        await page.keyboard.press("Tab");
        await page.keyboard.press("Enter");
        await expect.poll(async () => (await verdict(page, "Fixed"))[0]).toBe("bag");
        await page.getByRole("button", { name: /example pictures/ }).press("Enter");
        await page.getByRole("spinbutton", { name: "epochs" }).fill("3");
        await page.getByRole("button", { name: "Fix at 40 px" }).press("Enter");
        const { before, after } = await outcome(page);
        expect(after).toBeGreaterThan(before);
        expect(await faults(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      });
    },
    180_000,
  );

  it("shows what both models make of a resolution, as Node computes it", async () => {
    const { base, fixed } = await shippedModels();
    await inPage({}, async (page) => {
      for (const resolution of [24, 52, 96]) {
        await page.getByRole("slider").fill(String(resolution));
        for (const [which, model] of [
          ["Base", base],
          ["Fixed", fixed],
        ] as const) {
          const path = at("sixty", "ankle-boot", "0.png");
          const preprocessing = testPreprocessing(model.input, { resolution });
          const { predictions } = await predict(model, [path], 1, { preprocessing });
          const [best] = predictions[0]!.top;
          const found = async () => (await verdict(page, which)).join(" ");
          await expect.poll(found).toBe(`${best!.class} ${Number((100 * best!.probability).toFixed(1))}`);
        }
      }
    });
  }, 60_000);

  it("moves training's crops, and stands still where motion is not wanted", async () => {
    const crop = (page: Page) =>
      page
        .getByRole("img", { name: "A random crop, as in training" })
        .evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
    await inPage({}, async (page) => {
      const first = await crop(page);
      await expect.poll(() => crop(page), { timeout: 5000 }).not.toBe(first);
      await page.getByRole("button", { name: "Pause" }).click();
      const paused = await crop(page);
      await page.waitForTimeout(2500);
      expect(await crop(page)).toBe(paused);
    });
    await inPage({ reducedMotion: "reduce" }, async (page) => {
      const first = await crop(page);
      await page.waitForTimeout(2500);
      expect(await crop(page)).toBe(first);
      await page.getByRole("button", { name: "Another crop" }).click();
      await expect.poll(() => crop(page)).not.toBe(first);
    });
  }, 60_000);

  it("takes pictures that are chosen, dropped and pasted, and says what is none", async () => {
    await inPage({}, async (page) => {
      const chosen = (name: string) => page.getByText(`${name}, 28 x 28 px`).waitFor();
      await page.getByLabel("Choose a picture").setInputFiles(at("sixty", "bag", "20.png"));
      await chosen("20.png");
      await drop(page, at("sixty", "dress", "60.png"));
      await chosen("60.png");
      await page.evaluate(async () => {
        const canvas = Object.assign(new OffscreenCanvas(28, 28));
        canvas.getContext("2d")!.fillRect(0, 0, 9, 9);
        const clipboardData = new DataTransfer();
        clipboardData.items.add(new File([await canvas.convertToBlob()], "pasted.png", { type: "image/png" }));
        dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
      });
      await chosen("pasted.png");
      await writeFile(at("words.png"), "no picture");
      await page.getByLabel("Choose a picture").setInputFiles(at("words.png"));
      await expect.poll(() => page.getByRole("alert").textContent()).toMatch(/^picture "words.png"/);
      await writeFile(at("words.onnx"), "no model");
      await drop(page, at("words.onnx"));
      await expect.poll(() => page.getByRole("alert").textContent()).toContain("ONNX");
      await drop(page, at("sixty", "dress", "60.png"));
      await chosen("60.png");
      expect(await page.getByRole("alert").textContent()).toBe("");
    });
  }, 60_000);

  it("fixes a model on 60 pictures of a folder within 30 s, and gives a file that Node opens and finds better", async () => {
    await inPage({}, async (page) => {
      await page.getByRole("slider").fill("40");
      await page.getByLabel("Choose a folder").setInputFiles(at("sixty"));
      expect(await page.getByTestId("set").textContent()).toContain("sixty: 60 pictures of 10 classes (ankle-boot 6,");
      const started = performance.now();
      await page.getByRole("button", { name: "Fix at 40 px" }).click();
      const { text } = await outcome(page);
      expect(performance.now() - started).toBeLessThan(30_000);
      expect(text).toContain("on 50 pictures: accuracy on the 10 others");
      // The curve: accuracy at its end is above that at its beginning, and so is the page's lower end of y.
      const points = await page.locator(".chart").nth(1).locator("polyline").getAttribute("points");
      const heights = points!.split(" ").map((point) => Number(point.split(",")[1]));
      expect(heights).toHaveLength(31);
      expect(heights.at(-1)!).toBeLessThan(heights[0]!);
      expect(await page.locator("tbody tr").count()).toBe(5);
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("link", { name: /Download/ }).click(),
      ]);
      expect(download.suggestedFilename()).toBe("fixed-40.onnx");
      await download.saveAs(at("fixed.onnx"));
    });
    const [base, fixed] = [await loadModel(at("base.onnx")), await loadModel(at("fixed.onnx"))];
    const { val } = await openSplits(await asVal());
    const options = { preprocessing: testPreprocessing(fixed.input, {}), batchSize: 20 };
    expect(options.preprocessing.resolution).toBe(40);
    const [before, after] = [await evaluate(base, val, options), await evaluate(fixed, val, options)];
    expect(before.n).toBe(140);
    expect(after.top1 - before.top1).toBeGreaterThan(0.1);
  }, 120_000);

  it("looks through a model in float16, and says why it cannot be fixed", async () => {
    const { base } = await shippedModels();
    await writeFile(at("half.onnx"), exportOnnx(base, { resolution: 40, precision: "float16" }));
    await inPage({}, async (page) => {
      await drop(page, at("half.onnx"));
      await page.locator("summary").filter({ hasText: "Models: half.onnx" }).waitFor();
      await page.getByText(/no last maps that a linear classifier takes/).waitFor();
      expect(await page.getByRole("slider").inputValue()).toBe("40");
      expect((await verdict(page, "Base"))[1]).toBeGreaterThan(0);
      await page.getByRole("button", { name: /example pictures/ }).click();
      await page.getByRole("button", { name: "Fix at 40 px" }).click();
      await expect
        .poll(() => page.getByRole("alert").textContent())
        .toMatch(/no classifier was found in half.onnx.* tune the model that the file was made from\.$/);
      // What was wrong with one model is not said of the next.
      await page.locator("summary").click();
      await page.getByRole("button", { name: "Back to the two small models" }).click();
      await page.locator("summary").filter({ hasText: "the same, fixed at 40 px" }).waitFor();
      expect(await page.getByRole("alert").textContent()).toBe("");
    });
  }, 60_000);

  it("takes a folder that is dropped, a model of one's own, and stops when it is told to", async () => {
    await inPage({}, async (page) => {
      await drop(page, at("base.onnx"));
      await page.locator("summary").filter({ hasText: "Models: base.onnx" }).waitFor();
      await page.getByText("There is none yet.").waitFor();
      await drop(page, at("sixty"));
      await page.getByText("sixty: 60 pictures of 10 classes").waitFor();
      await page.getByRole("spinbutton", { name: "epochs" }).fill("500");
      await page.getByRole("button", { name: "Fix at 32 px" }).click();
      await page.getByText(/Epoch \d+ of 500/).waitFor();
      await page.getByRole("button", { name: "Stop" }).click();
      await page.getByText("Stopped; the fixed model is as it was.").waitFor();
      await page.getByRole("spinbutton", { name: "epochs" }).fill("2");
      await page.getByRole("button", { name: "Fix at 32 px" }).click();
      await outcome(page);
      expect((await verdict(page, "Fixed"))[1]).toBeGreaterThan(0);
      await page.locator("summary").click();
      await page.getByRole("button", { name: "Back to the two small models" }).click();
      await page.locator("summary").filter({ hasText: "the same, fixed at 40 px" }).waitFor();
    });
  }, 60_000);
});

/** The other pictures as validation pictures. */
async function asVal(): Promise<string> {
  await mkdir(at("split"));
  await rename(at("others"), at("split", "val"));
  await mkdir(at("split", "train"));
  for (const name of await readdir(at("split", "val"))) {
    await mkdir(at("split", "train", name));
    const [first] = await readdir(at("split", "val", name));
    await writeFile(at("split", "train", name, first!), await readFile(at("split", "val", name, first!)));
  }
  return at("split");
}
