/*
 * Auxiliary BatchNorms (AdvProp, arXiv 1911.09665, section 4.2): adversarial pictures have statistics of their own, so every BatchNorm
 * has a second one, with its own weight, bias and running statistics, through which they alone go. All else is shared.
 */
import type { GraphBuilder, Shape, Value } from "../../onnx/index.js";

/** A BatchNorm's parameters by timm's names. */
const isNorm = (parameter: string): boolean => /(^|\.)bn\d\.\w+$/.test(parameter);

/** What timm's `SplitBatchNorm2d` calls the auxiliary one's: `bn1.weight` is `bn1.aux_bn.0.weight`. Others have no second one. */
export const auxiliaryName = (parameter: string): string =>
  isNorm(parameter) ? parameter.replace(/\.(\w+)$/, ".aux_bn.0.$1") : parameter;

/** The name in the model that an auxiliary parameter starts as a copy of, as in timm's `convert_splitbn_model`. */
export const mainName = (parameter: string): string => parameter.replace(".aux_bn.0.", ".");

/** Parameters that several networks of a graph share by their names. */
export function sharedParameters(b: GraphBuilder): (name: string, shape: Shape) => Value {
  const known = new Map<string, Value>();
  return (name, shape) => {
    const value = known.get(name) ?? b.parameter(name, shape);
    known.set(name, value);
    return value;
  };
}
