import { DataError } from "../../errors.js";
import { TensorView } from "./tensors.js";

/** Where a checkpoint may keep the weights, best first: averaged ones before those of the last step. */
const PLACES = ["state_dict_ema", "model_ema", "ema", "state_dict", "model"];

/** What wrappers put before every name. */
const PREFIXES = ["module.", "_orig_mod."];

/** The tensors of a checkpoint by name, and what was done to find them. */
export interface StateDict {
  readonly tensors: ReadonlyMap<string, TensorView>;
  readonly notes: readonly string[];
}

/** @throws {DataError} where there are none */
export function stateDict(file: string, root: unknown): StateDict {
  const notes: string[] = [];
  const top = root instanceof Map ? root : new Map<unknown, unknown>();
  const place = PLACES.find((key) => tensorsOf(top.get(key)).size > 0);
  let tensors = tensorsOf(place === undefined ? top : top.get(place));
  if (tensors.size === 0) {
    throw new DataError(
      `checkpoint "${file}" holds no tensors by name, at its top or under ${PLACES.join(", ")}; save a state_dict.`,
    );
  }
  if (place !== undefined) {
    const others = PLACES.filter((key) => key !== place && tensorsOf(top.get(key)).size > 0);
    notes.push(`takes "${place}" of the checkpoint${others.length === 0 ? "" : ` (it has ${others.join(", ")} too)`}`);
  }
  for (let found = prefixOf(tensors); found !== undefined; found = prefixOf(tensors)) {
    const { length } = found;
    notes.push(`strips "${found}" from every name`);
    tensors = new Map([...tensors].map(([name, view]) => [name.slice(length), view]));
  }
  return { tensors, notes };
}

function tensorsOf(value: unknown): Map<string, TensorView> {
  if (!(value instanceof Map)) return new Map();
  return new Map(
    [...(value as Map<unknown, unknown>)].filter(
      (entry): entry is [string, TensorView] => typeof entry[0] === "string" && entry[1] instanceof TensorView,
    ),
  );
}

const prefixOf = (tensors: ReadonlyMap<string, TensorView>): string | undefined =>
  PREFIXES.find((prefix) => [...tensors.keys()].every((name) => name.startsWith(prefix)));
