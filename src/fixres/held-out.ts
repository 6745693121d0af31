import { RequestError } from "../errors.js";
import { random } from "../random.js";

/**
 * Draws the rows that something is chosen by: of each class the same share, rounded, and never all of it.
 * @param labels - of all rows  @param share - in (0, 1)
 * @returns for each row 1 where it is held out, else 0
 * @throws {RequestError} where the share is none, or no class has a row to spare
 */
export function heldOutRows(labels: Int32Array, share: number, seed: number): Uint8Array {
  if (!(share > 0 && share < 1)) throw new RequestError(`the held-out share is ${share}; give one between 0 and 1.`);
  const classes = new Map<number, number[]>();
  labels.forEach((label, row) => {
    const known = classes.get(label);
    if (known === undefined) classes.set(label, [row]);
    else known.push(row);
  });
  const held = new Uint8Array(labels.length);
  for (const [label, rows] of classes) {
    random(seed, "held out", label).shuffle(rows);
    const count = Math.min(Math.round(share * rows.length), rows.length - 1);
    for (const row of rows.slice(0, count)) held[row] = 1;
  }
  if (!held.includes(1)) {
    throw new RequestError(
      `no class of the ${labels.length} training pictures has one to spare for a held-out share of ${share}; give a larger --holdout, more pictures, or choose by --select-on val.`,
    );
  }
  return held;
}

/** Where the marks have a value, in order. */
export const indicesOf = (marks: Uint8Array, value: number): Int32Array =>
  Int32Array.from(marks, (_, i) => i).filter((i) => marks[i] === value);
