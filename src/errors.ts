/**
 * The errors that a caller can mend. Their class, never their text, decides the exit code of the command: each of these
 * ends in 2 (the request is wrong), anything else in 1 (it failed).
 *
 * @module
 */

/** Characters that end a line, or that a terminal obeys. */
const CONTROL = /[\p{Cc}\u2028\u2029]+/gu;

/** Most characters of a message: the longest of ours lists all operators. */
const LONGEST_MESSAGE = 4000;

/** Base of every error that names a fault in what the caller gave, not in the program. */
export abstract class FixresError extends Error {
  /** @param message - of one line; what a file calls its parts may stand in it, and does not break it */
  constructor(message: string) {
    super(message.replace(CONTROL, " ").slice(0, LONGEST_MESSAGE));
  }

  // Spelled out in each class: a bundler shortens the names of constructors.
  abstract override get name(): string;
}

/** An option, argument or combination of them that cannot be carried out. */
export class RequestError extends FixresError {
  override get name(): string {
    return "RequestError";
  }
}

/** A file, picture, label or tensor that is missing, malformed or does not fit the others. */
export class DataError extends FixresError {
  override get name(): string {
    return "DataError";
  }
}

/** Weights that make NaN or infinity of what they are given: damaged ones, or such as diverged while they were trained. */
export class NotFiniteError extends DataError {
  override get name(): string {
    return "NotFiniteError";
  }
}

/** Operands whose shapes or attributes do not go together; thrown while a graph is built, before anything runs. */
export class ShapeError extends FixresError {
  override get name(): string {
    return "ShapeError";
  }
}

/** An ONNX operator, or a form of one, that has no shape rule or no gradient rule here. */
export class UnsupportedOperatorError extends FixresError {
  override get name(): string {
    return "UnsupportedOperatorError";
  }
}

/**
 * Work that was asked for rightly and still cannot go on, such as a loss that is no longer finite. Not a `FixresError`:
 * the command ends in 1. The message is for the user, as with the others.
 */
export class FailedError extends Error {
  override get name(): string {
    return "FailedError";
  }
}

/** What the system says about a failed operation, without the path and the code that Node puts around it. */
export function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, words] = /^E[A-Z]+: ([^,]*)/.exec(message) ?? [];
  return (words ?? message).split("\n")[0]!.replace(/\.$/, "");
}
