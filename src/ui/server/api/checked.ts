import { validator } from "hono/validator";
import type { ZodType } from "zod";
import { DataError, RequestError } from "../../../errors.js";

/** Where there is nothing of that id. */
export class MissingError extends RequestError {}

const parsed = <T>(schema: ZodType<T>, value: unknown): T => {
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  const { path, message } = found.error.issues[0]!;
  throw new DataError(`${path.join(".") || "the request"}: ${message}`);
};

/** Checks the query of a request. */
export const query = <T>(schema: ZodType<T>) => validator("query", (value) => parsed(schema, value));

/** Checks the JSON that a request brings. */
export const body = <T>(schema: ZodType<T>) => validator("json", (value) => parsed(schema, value));
