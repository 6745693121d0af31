/**
 * Graphs: written through `GraphBuilder` with every shape known, changed by passes, and turned into ONNX models.
 * In: operators by their ONNX names, or the bytes of a model. Out: the bytes of a model for ONNX Runtime. Specification: ONNX
 * opset 18, IR 9; opsets 13 to 22 are read where they mean the same.
 *
 * @module
 */
export {
  BLOCK_OPERATORS,
  blockedConv,
  blockedDepthwise,
  filterFromBlocks,
  filterToBlocks,
  fromBlocks,
  hasBlocks,
  spacedBlocks,
  toBlocks,
} from "./blocks.js";
export { GraphBuilder } from "./builder.js";
export {
  ARRAYS,
  type Attributes,
  axisOf,
  constantData,
  type DataType,
  elements,
  type Graph,
  leavesFor,
  type Node,
  nodesFor,
  parametersFor,
  type Shape,
  sameShape,
  showShape,
  type TensorType,
  type TypedArray,
  type Value,
} from "./graph.js";
export { OPERATORS, OPSET, type OperatorName } from "./operators/index.js";
export { type WindowAttributes, windowOf } from "./operators/linear.js";
export { decodeModel, metadataOf, type OnnxFile, type ParsedModel, type ParseOptions, parseModel } from "./parse.js";
export { withoutExpands } from "./passes/broadcast.js";
export { foldBatchNorms, type ParameterData } from "./passes/fold.js";
export { toHalf } from "./passes/half.js";
export { openBatch } from "./passes/open-batch.js";
export { affineScale, type QuantizationPlan, quantizationPlan, quantized, type Range } from "./passes/quantize.js";
export { rewrite, type Visit } from "./passes/rewrite.js";
export { split } from "./passes/split.js";
export { type OpenNode, type Prelude, withoutPrelude, withPrelude } from "./prelude.js";
export { printGraph } from "./print.js";
export { type Binding, type SerializeOptions, serialize } from "./serialize.js";
export type { StoredBinding } from "./tensors.js";
export { type ExternalTensor, externalSettings, internalized, withOwnWeights, withValues } from "./values.js";
