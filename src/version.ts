import { readFileSync } from "node:fs";

/** Version of this package, which results may depend on. */
export const FIXRES_VERSION: string = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;
