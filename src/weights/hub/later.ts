import type { fetchFromHub as Fetch } from "./fetch.js";

/** `fetchFromHub` of `fetch.ts`, whose modules are loaded when it is called: most programs never ask the hub. */
export const fetchFromHub: typeof Fetch = async (...given) => (await import("./fetch.js")).fetchFromHub(...given);
