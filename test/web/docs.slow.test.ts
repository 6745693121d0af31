import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { exportOnnx } from "../../src/export/index.js";
import { encoded, pattern } from "../../src/pictures.testing.js";
import { openBrowser, ROOT, serve } from "./browser.js";
import { uneven } from "./exports.js";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

// As npm would install them.
const FOLDERS = { "/node_modules/fixres/": ROOT, "/node_modules/": join(ROOT, "node_modules") };

it.each(["beside node_modules", "beside node_modules, isolated", "with its scripts on another host"])(
  "docs/WEB.md's page without a bundler works: %s",
  async (how) => {
    const [server, host] = [
      await serve(FOLDERS, { isolated: how.endsWith("isolated") }),
      await serve(FOLDERS, { cors: true }),
    ];
    try {
      const [, code] = /```html\n(.*?)```/s.exec(await readFile(join(ROOT, "docs", "WEB.md"), "utf8"))!;
      const elsewhere = how.endsWith("another host");
      server.files.set(
        "/index.html",
        elsewhere ? code!.replaceAll('"./node_modules', `"${host.origin}/node_modules`) : code!,
      );
      server.files.set(
        "/b0.onnx",
        exportOnnx(uneven("efficientnet_b0", { width: 0.25, depth: 0.25 }, 10), { resolution: 64 }),
      );
      const page = await browser.newPage();
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(error.message));
      await page.goto(`${server.origin}/index.html`);
      const shown = async (name: string, buffer: Buffer): Promise<string> => {
        await page.locator("input").setInputFiles({ name, mimeType: "image/png", buffer });
        await page.waitForFunction(() => document.querySelector("pre")!.textContent !== "");
        return page.locator("pre").evaluate((pre) => pre.textContent ?? "");
      };
      // The page listens once the model is there.
      await page.waitForFunction(() => document.querySelector("input")!.onchange !== null);
      expect(await shown("cat.png", await encoded(pattern(90, 70)))).toMatch(/^(?:\d+\.\d% class-\d\n?){5}$/);
      await page.evaluate(() => document.querySelector("pre")!.replaceChildren());
      expect(await shown("dog.png", Buffer.from("a dog"))).toBe(
        'picture "dog.png" is no JPEG, PNG or WebP, whatever its name says; convert or remove it.',
      );
      expect(faults).toEqual([]);
      await page.close();
    } finally {
      await server.close();
      await host.close();
    }
  },
  60_000,
);
