import { BLOCKED } from "./blocked.js";
import { ELEMENTWISE } from "./elementwise.js";
import { ENGINE, type Loop } from "./engine.js";
import { LAYOUT } from "./layout.js";
import { LINEAR } from "./linear.js";
import type { Operator } from "./operator.js";
import { QUANTIZE } from "./quantize.js";
import { REDUCTIONS } from "./reduce.js";

/** Every operator that graphs here may hold, by its ONNX name. Opset 18 throughout (`OPSET`). */
export const OPERATORS = { ...ELEMENTWISE, ...REDUCTIONS, ...LAYOUT, ...LINEAR, ...QUANTIZE } as const satisfies Record<
  string,
  Operator
>;

/** Name of a supported operator. */
export type OperatorName = keyof typeof OPERATORS;

/** An operator by its name, which holds its domain where that is not ONNX's; null where it is not known. */
export function operatorNamed(name: string): Operator | Loop | null {
  return Object.hasOwn(EVERY, name) ? EVERY[name]! : null;
}

const EVERY: Readonly<Record<string, Operator | Loop>> = { ...OPERATORS, ...BLOCKED, ...ENGINE };

/** The version of ONNX's operator set that graphs are written in. */
export const OPSET = 18;
