import { RequestError } from "../errors.js";
import { anatomyOf, type Model } from "../models/index.js";
import { elements, type Node, parametersFor, type Value } from "../onnx/index.js";
import { type LinearClassifier, transposed } from "./solver/index.js";
import type { Division } from "./top.js";

/** A top that is logits = W x + b and nothing else, and where W and b are in the model. */
export interface LinearTop {
  /** Features a picture. */
  readonly width: number;
  read(model: Pick<Model, "tensors">): LinearClassifier;
  /** The tensors of a classifier, by the model's names and in its layout. */
  written(classifier: LinearClassifier): Record<string, Float32Array>;
}

/**
 * Finds the linear classifier of a top.
 * @throws {RequestError} where the top is something else
 */
export function linearTop({ top, features, trained }: Division, { arch, classes }: Model): LinearTop {
  const fail = (what: string): never => {
    throw new RequestError(
      `the solver lbfgs finds the optimum of a linear classifier over vectors, but ${what}; give --solver sgd.`,
    );
  };
  const { node, parameters } = anatomyOf(top).classifier;
  const weight = parameters.find(({ shape }) => shape.length > 1);
  const bias = parameters.find(({ shape }) => shape.length === 1);
  const width = features.reduce((sum, { shape }) => sum + elements(shape), 0);
  if (weight === undefined || bias === undefined)
    return fail(`the classifier of ${arch.name} has no weight with a bias`);
  if (trained.size !== parameters.length || features.length !== 1) return fail("more than that is tuned here (--tune)");
  if (elements(weight.shape) !== width * classes.length)
    return fail(`the features of ${arch.name} are pooled behind its classifier`);
  const isTurned = isTransposed(node, weight);
  const turn = (data: Float32Array, rows: number, columns: number): Float32Array =>
    isTurned ? transposed(data, rows, columns) : data;
  const { length } = classes;
  return {
    width,
    read({ tensors }) {
      const [w, b] = [weight, bias].map(({ name }) => tensors.get(name)!.data as Float32Array) as [
        Float32Array,
        Float32Array,
      ];
      return { weight: turn(w, width, length), bias: b };
    },
    written: (found) => ({ [weight.name]: turn(found.weight, length, width), [bias.name]: found.bias }),
  };
}

/** Whether the weight lies as [features, classes]. */
function isTransposed({ op, inputs, attributes }: Node, weight: Value): boolean {
  const operand = inputs.find((input) => input !== null && parametersFor([input]).includes(weight))!;
  const turned = operand.source.kind === "node" && operand.source.node.op === "Transpose";
  const plain = op === "MatMul" || (op === "Gemm" && attributes.transB !== 1);
  return plain !== turned;
}
