import { hc, type InferResponseType } from "hono/client";
import type { Api } from "../server/app.js";

/** The server's answers, typed by the server; it wants a whole address to make others of. */
export const api = hc<Api>(`${location.origin}/api`);

type Ok<T> = InferResponseType<T extends (...args: never[]) => unknown ? T : never, 200>;
export type RunList = Ok<typeof api.runs.$get>;
export type RunSummary = RunList["runs"][number];
export type RunDetails = Ok<(typeof api.runs)[":id"]["$get"]>;
export type CommandForm = Ok<typeof api.commands.$get>["commands"][number];
type Evaluation = (typeof api.runs)[":id"]["evaluations"][":place"];
export type Rows = Ok<Evaluation["rows"]["$get"]>;
export type PredictionRow = Rows["rows"][number];
export type Tests = Ok<typeof api.compare.tests.$get>;

/** What the server says where it refuses. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: number,
    /** The field of a form that is wrong. */
    readonly field: string | null,
  ) {
    super(message);
  }
}

/** The answer of a request. @throws {Refusal} where the server refuses, or cannot be reached */
export async function answer<T>(
  request: Promise<{ readonly ok: boolean; readonly status: number; json(): Promise<T> }>,
): Promise<T> {
  const response = await request.catch(() => {
    throw new Refusal("The server does not answer. Is fixres ui running?", 0, null);
  });
  if (response.ok) return response.json();
  const said = (await response.json().catch(() => ({}))) as { error?: string; field?: string | null };
  const message =
    response.status === 401 ? "The server wants its token: open the address that fixres ui printed." : said.error;
  throw new Refusal(message ?? `The server answered ${response.status}.`, response.status, said.field ?? null);
}

/** The address of a picture of an evaluation. */
export const pictureUrl = (run: string, evaluation: number, row: number, size: "thumbnail" | "full"): string =>
  api.runs[":id"].evaluations[":place"].pictures[":row"]
    .$url({ param: { id: run, place: String(evaluation), row: String(row) }, query: { size } })
    .toString();
