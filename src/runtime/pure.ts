/**
 * What of this folder runs anywhere, in a page too: no files, nothing of Node's. A part of `index.ts`, for rooms that pages load.
 *
 * @module
 */
export { type Engine, EngineSession } from "./engine-session.js";
export { packed } from "./packed.js";
export type { Program, Session, Tensors } from "./session.js";
export { runEach } from "./stream.js";
