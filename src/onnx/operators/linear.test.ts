import { expect, it } from "vitest";
import type { Attributes } from "../index.js";
import { type Operand, refusal } from "./use.testing.js";

type Case = readonly [operator: string, operands: readonly Operand[], attributes: Attributes, message: string];

const CASES: readonly Case[] = [
  [
    "Conv",
    [
      [1, 3, 8, 8],
      [4, 2, 3, 3],
    ],
    {},
    'ShapeError: Conv "Conv" of [1, 3, 8, 8], [4, 2, 3, 3]: input has 3 channels, but weight [4, 2, 3, 3] with group 1 takes 2. A depthwise weight is [C, 1, kH, kW] with group = C.',
  ],
  [
    "Conv",
    [
      [1, 6, 8, 8],
      [6, 3, 3, 3],
    ],
    { group: 6 },
    'ShapeError: Conv "Conv" of [1, 6, 8, 8], [6, 3, 3, 3]: input has 6 channels, but weight [6, 3, 3, 3] with group 6 takes 18. A depthwise weight is [C, 1, kH, kW] with group = C.',
  ],
  [
    "Conv",
    [
      [1, 6, 8, 8],
      [4, 2, 3, 3],
    ],
    { group: 3 },
    'ShapeError: Conv "Conv" of [1, 6, 8, 8], [4, 2, 3, 3]: 4 output channels do not divide into 3 groups.',
  ],
  [
    "Conv",
    [[1, 3, 8, 8], [4, 3, 3, 3], [3]],
    {},
    'ShapeError: Conv "Conv" of [1, 3, 8, 8], [4, 3, 3, 3], [3]: the bias must be [4].',
  ],
  [
    "Conv",
    [
      [1, 3, 8, 8],
      [4, 3, 3],
    ],
    {},
    'ShapeError: Conv "Conv" of [1, 3, 8, 8], [4, 3, 3]: the weight must be [O, C/group, kH, kW].',
  ],
  [
    "Conv",
    [
      [1, 3, 8],
      [4, 3, 3],
    ],
    {},
    'UnsupportedOperatorError: Conv "Conv": the input is [1, 3, 8]; only [N, C, H, W], with two spatial axes, is supported.',
  ],
  [
    "Conv",
    [
      [1, 3, 8, 8],
      [4, 3, 3, 3],
    ],
    { kernel_shape: [5, 5] },
    'ShapeError: Conv "Conv" of [1, 3, 8, 8], [4, 3, 3, 3]: kernel_shape [5, 5] is not the weight\'s; leave it out.',
  ],
  [
    "Conv",
    [[1, 3, 8, 8], { type: "float16", shape: [4, 3, 3, 3] }],
    {},
    'ShapeError: Conv "Conv" of [1, 3, 8, 8], [4, 3, 3, 3]: operands are float32 and float16; cast one of them.',
  ],
  [
    "Conv",
    [
      [1, 3, 2, 8],
      [4, 3, 3, 3],
    ],
    { dilations: [2, 1], pads: [1, 0, 1, 0] },
    'ShapeError: Conv "Conv" of [1, 3, 2, 8], [4, 3, 3, 3]: a window of 5 does not fit 2 + 1 + 1 along spatial axis 0.',
  ],
  [
    "Conv",
    [
      [1, 3, 8, 8],
      [4, 3, 3, 3],
    ],
    { strides: [0, 1] },
    'ShapeError: Conv "Conv" of [1, 3, 8, 8], [4, 3, 3, 3]: strides [0, 1] must be 2 positive numbers.',
  ],
  [
    "Conv",
    [
      [1, 3, 8, 8],
      [4, 3, 3, 3],
    ],
    { pads: [1, 1] },
    'ShapeError: Conv "Conv" of [1, 3, 8, 8], [4, 3, 3, 3]: pads [1, 1] must be 4 whole numbers.',
  ],
  [
    "Conv",
    [
      [1, 3, 8, 8],
      [4, 3, 3, 3],
    ],
    { auto_pad: "SAME_UPPER" },
    'UnsupportedOperatorError: Conv "Conv": auto_pad "SAME_UPPER" is not supported; write the pads out.',
  ],
  [
    "ConvTranspose",
    [
      [1, 3, 8, 8],
      [4, 3, 3, 3],
    ],
    {},
    'ShapeError: ConvTranspose "ConvTranspose" of [1, 3, 8, 8], [4, 3, 3, 3]: input has 3 channels, but the weight takes 4.',
  ],
  [
    "ConvTranspose",
    [
      [1, 4, 8, 8],
      [4, 3, 3, 3],
    ],
    { output_shape: [9, 9] },
    'UnsupportedOperatorError: ConvTranspose "ConvTranspose": output_shape is not supported; write pads and output_padding out.',
  ],
  [
    "ConvTranspose",
    [
      [1, 4, 1, 1],
      [4, 3, 1, 1],
    ],
    { pads: [1, 1, 1, 1] },
    'ShapeError: ConvTranspose "ConvTranspose": its result 0 would be [1, 3, -1, -1].',
  ],
  [
    "MaxPool",
    [[1, 3, 8, 8]],
    {},
    'ShapeError: MaxPool "MaxPool" of [1, 3, 8, 8]: kernel_shape [] must be 2 positive numbers.',
  ],
  [
    "MaxPool",
    [[1, 3, 8, 8]],
    { kernel_shape: [9, 3] },
    'ShapeError: MaxPool "MaxPool" of [1, 3, 8, 8]: a window of 9 does not fit 8 + 0 + 0 along spatial axis 0.',
  ],
  [
    "MaxPool",
    [[1, 3, 8, 8]],
    { kernel_shape: [2, 2], count_include_pad: 1 },
    'UnsupportedOperatorError: MaxPool "MaxPool": attribute "count_include_pad" is not supported. Supported: kernel_shape, strides, pads, auto_pad, ceil_mode, dilations, storage_order.',
  ],
  [
    "AveragePool",
    [[3, 8, 8]],
    { kernel_shape: [2, 2] },
    'UnsupportedOperatorError: AveragePool "AveragePool": the input is [3, 8, 8]; only [N, C, H, W], with two spatial axes, is supported.',
  ],
  [
    "GlobalAveragePool",
    [[3, 8, 8]],
    {},
    'UnsupportedOperatorError: GlobalAveragePool "GlobalAveragePool": the input is [3, 8, 8]; only [N, C, H, W], with two spatial axes, is supported.',
  ],
  [
    "MatMul",
    [
      [2, 3],
      [2, 3],
    ],
    {},
    'ShapeError: MatMul "MatMul" of [2, 3], [2, 3]: inner dimensions 3 and 2 differ.',
  ],
  [
    "MatMul",
    [[2, 3], { type: "float16", shape: [3, 2] }],
    {},
    'ShapeError: MatMul "MatMul" of [2, 3], [3, 2]: operands are float32 and float16; cast one of them.',
  ],
  [
    "MatMul",
    [[3], [3, 2]],
    {},
    'UnsupportedOperatorError: MatMul "MatMul": operands are [3] and [3, 2]; only matrices and stacks of them are supported.',
  ],
  [
    "MatMul",
    [
      [2, 2, 3],
      [3, 3, 2],
    ],
    {},
    'ShapeError: MatMul "MatMul" of [2, 2, 3], [3, 3, 2]: 2 and 3 do not broadcast along axis -3.',
  ],
  [
    "Gemm",
    [
      [2, 3],
      [2, 3],
    ],
    {},
    'ShapeError: Gemm "Gemm" of [2, 3], [2, 3]: inner dimensions 3 and 2 differ.',
  ],
  [
    "Gemm",
    [
      [2, 3],
      [2, 3],
    ],
    { transA: 1, transB: 1 },
    'ShapeError: Gemm "Gemm" of [2, 3], [2, 3]: inner dimensions 2 and 3 differ.',
  ],
  [
    "Gemm",
    [[2, 3], { type: "float64", shape: [3, 2] }],
    {},
    'ShapeError: Gemm "Gemm" of [2, 3], [3, 2]: operands are float32 and float64; cast one of them.',
  ],
  [
    "Gemm",
    [[2, 3], [3, 4], [3]],
    {},
    'ShapeError: Gemm "Gemm" of [2, 3], [3, 4], [3]: 3 and 4 do not broadcast along axis -1.',
  ],
  [
    "Gemm",
    [
      [2, 3],
      [3, 4],
      [2, 2, 4],
    ],
    {},
    'ShapeError: Gemm "Gemm" of [2, 3], [3, 4], [2, 2, 4]: the addend does not broadcast to [2, 4].',
  ],
  [
    "Gemm",
    [
      [2, 3, 1],
      [3, 4],
    ],
    {},
    'ShapeError: Gemm "Gemm" of [2, 3, 1], [3, 4]: operands must be matrices.',
  ],
  [
    "BatchNormalization",
    [[1, 3, 4, 4], [3], [3], [3], [4]],
    {},
    'ShapeError: BatchNormalization "BatchNormalization" of [1, 3, 4, 4], [3], [3], [3], [4]: input 4 must be [3], one value a channel.',
  ],
  [
    "BatchNormalization",
    [[1, 3, 4, 4], [3], [3], [3]],
    {},
    'ShapeError: BatchNormalization "BatchNormalization" of [1, 3, 4, 4], [3], [3], [3]: input 4 is missing.',
  ],
  [
    "BatchNormalization",
    [[3], [3], [3], [3], [3]],
    {},
    'ShapeError: BatchNormalization "BatchNormalization" of [3], [3], [3], [3], [3]: the input must be [N, C, ...].',
  ],
];

it.each(CASES)("%s of %j with %j is refused", (operator, operands, attributes, message) => {
  expect(refusal(operator, operands, attributes)).toBe(message);
});
