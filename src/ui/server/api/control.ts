import { lstat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { RequestError } from "../../../errors.js";
import { readRun } from "../../../report/index.js";
import { realWithin } from "../contain.js";
import type { UiContext } from "../context.js";
import { argumentsOf, FormError, resumeArguments, StartRequest } from "../forms.js";
import { idOf } from "../run-index.js";
import { body, MissingError } from "./checked.js";

/** Most bytes of a form. */
const FORM_BYTES = 256 * 1024;

/** Starting, stopping and going on with runs. */
export const controlRoutes = ({ root, index, children, commands, cwd }: UiContext) =>
  new Hono()
    .get("/commands", async (c) => c.json({ commands: commands.map(({ check: _, ...form }) => form), cwd }))
    .post("/runs", bodyLimit({ maxSize: FORM_BYTES }), body(StartRequest), async (c) => {
      const request = c.req.valid("json");
      const folder = await newFolder(root, request.name);
      const argv = argumentsOf(request, commands, folder);
      return c.json({ run: await children.start(idOf(request.name), request.name, argv, cwd) }, 201);
    })
    .post("/runs/:id/stop", bodyLimit({ maxSize: FORM_BYTES }), body(z.strictObject({})), async (c) => {
      const id = c.req.param("id");
      const known = await index.get(id);
      if (known === undefined && children.get(id) === undefined) throw new MissingError(`there is no run "${id}".`);
      const record = known === undefined ? undefined : await readRun(known.folder);
      await children.stop(id, record?.status === "running" ? record : undefined);
      return c.json({ stopping: true });
    })
    .post("/runs/:id/resume", bodyLimit({ maxSize: FORM_BYTES }), body(z.strictObject({})), async (c) => {
      const id = c.req.param("id");
      const known = await index.get(id);
      if (known === undefined) throw new MissingError(`there is no run "${id}".`);
      const record = await readRun(known.folder);
      if (record.status === "running") throw new RequestError("this run is running.");
      const argv = resumeArguments(record, known.folder, commands);
      return c.json({ run: await children.start(id, known.summary.name, argv, record.cwd) }, 201);
    });

/** Where a new run goes. @throws {FormError} where something is there, or a link leads out of the runs folder */
async function newFolder(root: string, name: string): Promise<string> {
  const path = join(root, name);
  if (await lstat(path).catch(() => null))
    throw new FormError(`"${name}" is there already; give another name.`, "name");
  let above = dirname(path);
  while ((await lstat(above).catch(() => null)) === null) above = dirname(above);
  if ((await realWithin(root, above)) === null) throw new FormError(`"${name}" leads out of the runs folder.`, "name");
  return path;
}
