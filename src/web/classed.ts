import { RequestError } from "../errors.js";
import { expectedClasses, isEfficientNet, type Model } from "../models/pure.js";
import { forClasses } from "../train/pure.js";
import type { LabelledPicture } from "./features.js";

/**
 * The model for the classes of pictures, and each picture's class by its index: as it is where it has them all, else with a fresh
 * classifier for theirs, by name.
 * @throws {RequestError} where there are too few pictures or classes, or a network cannot be given other classes
 */
export function classed(
  model: Model,
  pictures: readonly Pick<LabelledPicture, "class">[],
  seed: number,
): { readonly start: Model; readonly labels: Int32Array } {
  const names = [...new Set(pictures.map(({ class: name }) => name))].sort();
  if (pictures.length < 2)
    throw new RequestError(`there are ${pictures.length} pictures; give at least two, of the classes to tell apart.`);
  const known = names.every((name) => model.classes.includes(name));
  // A model that only knows how many classes it has learns their names.
  const named = expectedClasses(model) === names.length ? { ...model, classes: names } : null;
  const start = named ?? (known ? model : withClasses(model, names, seed));
  const indices = new Map(start.classes.map((name, index) => [name, index]));
  return { start, labels: Int32Array.from(pictures, ({ class: name }) => indices.get(name)!) };
}

function withClasses(model: Model, names: readonly string[], seed: number): Model {
  if (names.length < 2)
    throw new RequestError(
      `all pictures show "${names[0]}", which the model does not know; give at least two classes.`,
    );
  if (isEfficientNet(model)) return forClasses(model, names, seed);
  const unknown = names.filter((name) => !model.classes.includes(name));
  throw new RequestError(
    `${model.arch.name} has no class "${unknown[0]}", and only an EfficientNet is given others; its classes are ${model.classes.slice(0, 5).join(", ")}${model.classes.length > 5 ? ", ..." : ""}.`,
  );
}
