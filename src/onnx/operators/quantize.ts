import { axisOf, type DataType, type TensorType } from "../graph.js";
import { type Call, intAttribute, type Operator, reject, required } from "./operator.js";

const QUANTIZED: readonly DataType[] = ["uint8", "int8", "int32"];

/** Scale and zero point are one number each, or one a slice along `axis`. */
function checkScale(call: Call): void {
  const [x, scale] = [required(call, 0), required(call, 1)];
  const zeroPoint = call.inputs[2];
  if (scale.shape.length > 1) reject(call, "the scale must be one number, or one a slice along the axis.");
  if (scale.shape.length === 1 && scale.shape[0] !== 1) {
    const axis = axisOf(intAttribute(call, "axis", 1), x.shape.length, `${call.op} "${call.name}"`);
    if (scale.shape[0] !== x.shape[axis]) reject(call, `${scale.shape[0]} scales do not fit axis ${axis}.`);
  }
  if (zeroPoint && zeroPoint.shape.join() !== scale.shape.join()) reject(call, "scale and zero point differ in shape.");
}

/** Operators between numbers and what stands for them in 8 bits: x ~ (q - zero point) scale. */
export const QUANTIZE = {
  QuantizeLinear: {
    attributes: { axis: "int", saturate: "int" },
    infer(call): TensorType[] {
      checkScale(call);
      const type = call.inputs[2]?.type ?? "uint8";
      if (!QUANTIZED.includes(type)) reject(call, `the zero point is ${type}; uint8 or int8 is needed.`);
      return [{ type, shape: required(call, 0).shape }];
    },
  },
  DequantizeLinear: {
    attributes: { axis: "int" },
    infer(call): TensorType[] {
      checkScale(call);
      const { type, shape } = required(call, 0);
      if (!QUANTIZED.includes(type)) reject(call, `the input is ${type}; ${QUANTIZED.join(", ")} are known.`);
      return [{ type: required(call, 1).type, shape }];
    },
  },
} as const satisfies Record<string, Operator>;
