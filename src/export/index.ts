/**
 * One file for any runtime. In: a model, and pictures to calibrate and to compare with. Out: a self-contained ONNX model in float32,
 * float16 or 8 bits, with or without resizing inside, that has been compared with what it came from.
 *
 * @module
 */
export { bestRange, type CalibrationOptions, calibrate } from "./calibrate.js";
export { type CheckOptions, checkExport, type ExportCheck } from "./check.js";
export {
  type ExportGraph,
  type ExportOptions,
  exportGraph,
  exportOnnx,
  PRECISIONS,
  type Precision,
} from "./file.js";
