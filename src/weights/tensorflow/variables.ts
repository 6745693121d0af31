import { show } from "./bundle.js";

/** What TensorFlow's averages are called, behind the name of what is averaged. */
const AVERAGE = "/ExponentialMovingAverage";

/** What is beside the weights: the optimizers' slots, behind the name of their variable, and counters. */
const BESIDE = /\/(RMSProp|Momentum|Adam|Adagrad|LARSOptimizer)(_\d+)?$|(^|\/)(global_step|beta[12]_power)$/;

/** The variables of a network by name, and what was done to find them. */
export interface Variables<T> {
  readonly tensors: ReadonlyMap<string, T>;
  readonly notes: readonly string[];
}

/**
 * The weights among what a training run saved: averages in place of what they average, nothing of the optimizer's, and names without
 * the scope that all of them begin with.
 */
export function variables<T>(saved: ReadonlyMap<string, T>): Variables<T> {
  const notes: string[] = [];
  const weights = [...saved].filter(([name]) => !BESIDE.test(name));
  if (weights.length < saved.size)
    notes.push(`leaves out ${saved.size - weights.length} slots of the optimizer and counters`);
  const averages = weights.filter(([name]) => name.endsWith(AVERAGE));
  // Some published checkpoints have averages alone, such as those of L2 (tensorflow/tpu, issue 818).
  let tensors = new Map([
    ...weights.filter(([name]) => !name.endsWith(AVERAGE)),
    ...averages.map(([name, value]) => [name.slice(0, -AVERAGE.length), value] as const),
  ]);
  if (averages.length > 0) notes.push(`takes the ExponentialMovingAverage of ${averages.length} of ${tensors.size}`);
  const scope = scopeOf([...tensors.keys()]);
  if (scope !== "") {
    notes.push(`strips ${show(scope)} from every name`);
    tensors = new Map([...tensors].map(([name, value]) => [name.slice(scope.length), value]));
  }
  return { tensors, notes };
}

/** The scopes that all names begin with. */
function scopeOf([first = "", ...others]: readonly string[]): string {
  let shared = first.length;
  for (const name of others) {
    let at = 0;
    while (at < shared && name[at] === first[at]) at++;
    shared = at;
  }
  return first.slice(0, first.slice(0, shared).lastIndexOf("/") + 1);
}
