import { realpath } from "node:fs/promises";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { FailedError, RequestError } from "../../errors.js";
import { VERSION } from "../../version.js";
import { createApp } from "./app.js";
import { openChildren } from "./children.js";
import type { UiContext } from "./context.js";
import { type Database, openDatabase } from "./database.js";
import { figureShelf, warmFigures } from "./figures.js";
import type { RunnableCommand } from "./forms.js";
import { openLive } from "./live.js";
import { pictureShelf } from "./pictures.js";
import { openRunIndex } from "./run-index.js";
import { readSite } from "./site.js";
import { tokenOf } from "./token.js";

export interface UiOptions {
  /** The folder below which runs and models lie. */
  readonly root: string;
  /** What to bind to; this machine alone reaches 127.0.0.1. */
  readonly host?: string;
  /** 0 for any that is free. */
  readonly port?: number;
  /** The script of the `fixres` command. */
  readonly main: string;
  /** The folder of the built page. */
  readonly site: string;
  readonly commands: readonly RunnableCommand[];
}

/** A server that answers. */
export interface RunningUi {
  /** With the token. */
  readonly url: string;
  readonly origin: string;
  readonly token: string;
  readonly runs: number;
  close(): Promise<void>;
}

/**
 * Serves the page and what it asks for.
 * @throws {RequestError} where the folder is not there, or the address cannot be bound to
 */
export async function serveUi({
  root: given,
  host = "127.0.0.1",
  port = 0,
  main,
  site,
  commands,
}: UiOptions): Promise<RunningUi> {
  const root = await realpath(given).catch(() => {
    throw new RequestError(`the runs folder "${given}" does not exist; make it, or give another.`);
  });
  const [token, files, index] = [await tokenOf(root), await readSite(site), openRunIndex(root)];
  // So that the first list is as quick as the others.
  await index.refresh();
  const live = openLive(index);
  let database: Promise<Database> | null = null;
  const context: UiContext = {
    ...{ root, main, commands, index, live },
    version: VERSION,
    cwd: process.cwd(),
    children: openChildren(root, main, (id) => live.tell([id])),
    pictures: pictureShelf(),
    figures: figureShelf(root),
    database: () => {
      database ??= openDatabase(root);
      return database;
    },
  };
  const bound = { port };
  const app = createApp(context, { token, host, port: () => bound.port }, files);
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 120_000 }, getRequestListener(app.fetch));
  await listen(server, host, port);
  bound.port = (server.address() as AddressInfo).port;
  // Once whoever waits for the address has it; where it fails, the figure that needs it says so.
  setTimeout(() => warmFigures().catch(() => {}), 0).unref();
  const shown = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  const origin = `http://${shown}:${bound.port}`;
  return {
    ...{ origin, token, url: `${origin}/?token=${token}`, runs: (await index.list()).length },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      (await database)?.close();
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE")
        reject(new FailedError(`port ${port} is taken; give another --port, or 0 for any that is free.`));
      else
        reject(
          new RequestError(`cannot listen on ${host}, port ${port}: ${error.message}; give another --host or --port.`),
        );
    });
    server.listen(port, host, () => resolve());
  });
}
