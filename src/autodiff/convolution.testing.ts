import type { Case } from "./check.testing.js";
import * as reference from "./references.testing.js";

export type Window = Partial<Omit<reference.ConvShape, "x" | "w">>;
type Extents = reference.ConvShape["x"];

/** A convolution with a bias, differentiated by all three operands. */
export function convolution(name: string, x: Extents, w: Extents, window: Window = {}): Case {
  const { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], group = 1 } = window;
  return {
    name,
    operands: [{ shape: x }, { shape: w }, { shape: [w[0]] }],
    build: (b, [v, k, bias]) => b.conv(v!, k!, bias!, { strides, pads, dilations, group }),
    reference: ([v, k, bias]) => reference.conv(v!, k!, bias, { x, w, strides, pads, dilations, group }),
  };
}
