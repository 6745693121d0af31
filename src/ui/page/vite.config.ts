import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The page as `fixres ui` serves it: files alone, since its policy lets nothing stand within the page. */
export default defineConfig({
  root: here("."),
  logLevel: "warn",
  build: {
    outDir: here("../../../dist/ui/page"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
