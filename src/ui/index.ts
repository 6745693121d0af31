/**
 * A local web app. In: a folder of runs. Out: a server that lists, compares, starts and stops them, and shows what they predicted, to
 * whoever has its token. The page that it serves lies in `page/`, and knows the server by types alone.
 *
 * @module
 */

export type { CommandForm, OptionForm, RunnableCommand } from "./server/forms.js";
export { isLoopback } from "./server/guard.js";
export { type RunningUi, serveUi, type UiOptions } from "./server/serve.js";
