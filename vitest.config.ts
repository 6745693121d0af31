import { defineConfig } from "vitest/config";

/** `npm test` runs everything but the slow tests; FIXRES_SLOW=1 (as CI sets it) runs those too. */
export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: process.env.FIXRES_SLOW === "1" ? [] : ["**/*.slow.test.ts"],
    pool: "forks",
    testTimeout: 60_000,
    maxWorkers: 2,
  },
});
