import { LINEAR } from "./linear.js";
import { type Operator, reject, required } from "./operator.js";

/**
 * Operators of ONNX Runtime's own layout for its CPU, NCHWc: a value of shape [N, C, H, W] whose data lie as [N, C / B, H, W, B], with
 * blocks of B channels innermost. They are named with their domain, and are no part of ONNX: files with them are not read.
 */
export const BLOCKED = {
  /** To blocks of channels. */
  "com.microsoft.nchwc.ReorderInput": {
    attributes: { channels_last: "int" },
    infer(call) {
      const { type, shape } = required(call, 0);
      if (type !== "float32" || shape.length !== 4) reject(call, "a float32 [N, C, H, W] is needed.");
      return [{ type, shape }];
    },
  },
  /** Back from blocks of channels. */
  "com.microsoft.nchwc.ReorderOutput": {
    attributes: { channels: "int", channels_last: "int" },
    infer(call) {
      const { type, shape } = required(call, 0);
      if (call.attributes.channels !== shape[1]) reject(call, `channels must be ${shape[1]}.`);
      return [{ type, shape }];
    },
  },
  /** Conv of blocks by blocks. */
  "com.microsoft.nchwc.Conv": LINEAR.Conv,
} as const satisfies Record<string, Operator>;
