import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { bundlePage, openBrowser, type Server, serve } from "./browser.js";

/** An opened `page.html`, bundled as an application's page is. */
export interface OpenedPage {
  readonly page: Page;
  readonly server: Server;
  close(): Promise<void>;
}

/** @param webgpu - whether the page has a (software) GPU  @param isolated - whether it may use threads */
export async function openPage({ webgpu = false, isolated = false } = {}): Promise<OpenedPage> {
  const folder = await mkdtemp(join(tmpdir(), "fixres-web-"));
  const server = await serve({ "/": folder }, { isolated });
  try {
    await bundlePage(folder);
    const browser = await openBrowser({ webgpu });
    const page = await browser.newPage();
    await page.goto(`${server.origin}/page.html`);
    await page.waitForFunction(() => globalThis.fixres !== undefined);
    const close = async () => {
      await browser.close();
      await server.close();
      await rm(folder, { recursive: true });
    };
    return { page, server, close };
  } catch (error) {
    await server.close();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
