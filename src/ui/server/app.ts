import { Hono } from "hono";
import { compress } from "hono/compress";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { FailedError, FixresError } from "../../errors.js";
import { MissingError } from "./api/checked.js";
import { compareRoutes } from "./api/compare.js";
import { controlRoutes } from "./api/control.js";
import { eventRoutes } from "./api/events.js";
import { figureRoutes } from "./api/figures.js";
import { pictureRoutes } from "./api/pictures.js";
import { predictRoutes } from "./api/predict.js";
import { runRoutes } from "./api/runs.js";
import { BusyError } from "./compute.js";
import type { UiContext } from "./context.js";
import { FormError } from "./forms.js";
import { type GuardOptions, headers, hostGuard, originGuard, tokenGuard } from "./guard.js";
import type { SiteFile } from "./site.js";
import { UploadError } from "./uploads.js";

/** What the page may ask for. */
const api = (context: UiContext) =>
  new Hono()
    .route("/", runRoutes(context))
    .route("/", pictureRoutes(context))
    .route("/", figureRoutes(context))
    .route("/", compareRoutes(context))
    .route("/", controlRoutes(context))
    .route("/", predictRoutes(context))
    .route("/", eventRoutes(context))
    .get("/about", (c) => c.json({ version: context.version, root: context.root }));

/** The types of requests and answers, which the page's client is made of. */
export type Api = ReturnType<typeof api>;

/** All that the server answers: each request is judged by name, origin and token before anything is looked at. */
export function createApp(context: UiContext, guard: GuardOptions, site: ReadonlyMap<string, SiteFile>) {
  const app = new Hono();
  app.use(headers, hostGuard(guard), originGuard, tokenGuard(guard));
  // Streams of events must not wait for a buffer to fill.
  const squeeze = compress();
  app.use(async (c, next) => (c.req.path === "/api/events" ? next() : squeeze(c, next)));
  app.use("/api/*", async (c, next) => {
    await next();
    if (!c.res.headers.has("Cache-Control")) c.header("Cache-Control", "no-store");
  });
  app.route("/api", api(context));
  app.all("/api/*", (c) => c.json({ error: "there is nothing of that name.", field: null }, 404));
  app.get("*", (c) => {
    // Addresses within the page are the page's own matter.
    const file = site.get(c.req.path) ?? (/\.[a-z]+$/.test(c.req.path) ? undefined : site.get("/index.html"));
    if (file === undefined) return c.text("There is nothing of that name.\n", 404);
    const caching = file.lasting ? "private, max-age=31536000, immutable" : "no-store";
    return c.body(file.bytes, 200, { "Content-Type": file.type, "Cache-Control": caching });
  });
  app.onError((error, c) => {
    const field = error instanceof FormError ? error.field : null;
    return c.json({ error: messageOf(error), field }, statusOf(error));
  });
  return app;
}

function statusOf(error: Error): ContentfulStatusCode {
  if (error instanceof HTTPException) return error.status;
  if (error instanceof MissingError) return 404;
  if (error instanceof UploadError) return 413;
  if (error instanceof BusyError) return 429;
  return error instanceof FixresError ? 400 : 500;
}

/** What a page may know of an error: those that are not ours may speak of anything. */
const messageOf = (error: Error): string =>
  [FixresError, FailedError, BusyError, HTTPException].some((kind) => error instanceof kind)
    ? error.message || "refused."
    : "the server failed; its terminal says more.";
