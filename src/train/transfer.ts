import { type EfficientNet, expectedClasses, initialTensor, parametersOf } from "../models/pure.js";

/**
 * A model for other classes: all is kept but the classifier, which is made anew by the reference initialisation.
 * @param classes - names, in the order of the outputs  @param seed - of the classifier
 */
function transferred(model: EfficientNet, classes: readonly string[], seed: number): EfficientNet {
  const tensors = new Map(model.tensors);
  for (const parameter of parametersOf(model.arch, classes.length))
    if (parameter.name.startsWith("classifier.")) tensors.set(parameter.name, initialTensor(parameter, seed));
  const done = { what: "initialised" as const, part: "classifier", classes: classes.length, seed };
  return { ...model, classes, tensors, provenance: [...model.provenance, done] };
}

/** A model for the classes of data: as it is where it has those, in their order, or with a fresh classifier. */
export function forClasses(model: EfficientNet, classes: readonly string[], seed: number): EfficientNet {
  const expected = expectedClasses(model);
  const count = typeof expected === "number" ? expected : expected.length;
  const named = typeof expected === "number" || expected.every((own, i) => own === classes[i]);
  return count === classes.length && named ? { ...model, classes } : transferred(model, classes, seed);
}
