import type { Source } from "../data/index.js";
import { percent } from "../format.js";
import type { Details } from "./details.js";
import type { Protocol } from "./published.js";
import { isValidationName } from "./real.js";

/** Pictures of each data set; ReaL leaves out those that no label is right for. */
const PICTURES: Readonly<Record<Protocol, number>> = {
  "imagenet-val": 50_000,
  "imagenet-real": 46_837,
  "imagenet-v2": 10_000,
};

const NAMES: Readonly<Record<Protocol, string>> = {
  "imagenet-val": "ImageNet's validation set",
  "imagenet-real": "ImageNet's validation set under ReaL labels",
  "imagenet-v2": "ImageNet-V2",
};

/** Which known data set a source is, by the names of its pictures and classes; null for any other. */
export function protocolOf({ name, classes, samples }: Source, labels: "folders" | "real"): Protocol | null {
  const [first] = samples;
  if (first === undefined) return null;
  if (isValidationName(first.name)) return labels === "real" ? "imagenet-real" : "imagenet-val";
  const numbered = classes.length === 1000 && classes.every((own) => /^\d{1,3}$/.test(own));
  return numbered || /imagenet-?v2/i.test(`${name}/${first.name}`) ? "imagenet-v2" : null;
}

/** What a reader of a result should know before believing it. */
export function notesOn({ top1, n, ci95, perClass }: Details, protocol: Protocol | null): string[] {
  const notes: string[] = [];
  const classes = perClass.length;
  const chance = 1 / classes;
  // Half as much again as guessing finds is no classifier either; with few classes that would be much.
  if (classes > 1 && ci95[0] <= chance + Math.min(chance / 2, 0.02)) {
    notes.push(
      `top-1 ${percent(top1)} is near what guessing gives (${percent(chance)}): see that the data's classes are in the model's order, and that weights and preprocessing go together`,
    );
  }
  const shown = perClass.filter((own) => own.n > 0);
  if (shown.length === 1 && classes > 1)
    notes.push(
      `all pictures are of one class, "${shown[0]!.class}", where the model has ${classes}: see that each class has a folder of its own`,
    );
  if (protocol !== null && n < PICTURES[protocol])
    notes.push(
      `${n} pictures were scored, but ${NAMES[protocol]} has ${PICTURES[protocol]}: this is not comparable with published numbers`,
    );
  return notes;
}
