import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** `npm test` runs everything but the slow tests; FIXRES_SLOW=1 (as CI sets it) runs those too. */
export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: process.env.FIXRES_SLOW === "1" ? [] : ["**/*.slow.test.ts"],
    // Features of tests stay out of the user's cache.
    env: { FIXRES_CACHE: mkdtempSync(join(tmpdir(), "fixres-cache-")) },
    pool: "forks",
    testTimeout: 60_000,
    maxWorkers: 2,
  },
});
