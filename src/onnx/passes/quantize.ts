import { GraphBuilder } from "../builder.js";
import { type Graph, type Node, nodesFor, type Value } from "../graph.js";
import type { ParameterData } from "./fold.js";

/** The least and the largest number that a value takes, or is clipped to. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Where a graph is quantised: the nodes that are computed in 8 bits, and the values around them. */
export interface QuantizationPlan {
  readonly nodes: readonly Node[];
  /** Values that are handed on in 8 bits, whose ranges must be known. */
  readonly values: readonly Value[];
}

/** Activations that are no more than the end of a range. */
const CLIPPING: ReadonlySet<string> = new Set(["Relu", "Clip"]);

/** Operators that engines have in 8 bits too, for operands that are so already. */
const FOLLOWING: ReadonlySet<string> = new Set(["Sigmoid", "Mul", "Add", "GlobalAveragePool"]);

/**
 * The convolutions and matrix products with weights of a graph whose BatchNorms are folded, and the values that are handed on in 8
 * bits: what goes into them, what comes out, and what is computed from that by elementwise operators.
 */
export function quantizationPlan(graph: Graph): QuantizationPlan {
  const outputs = Object.values(graph.outputs);
  const all = nodesFor(outputs);
  const nodes = all.filter(isQuantizable);
  const values = new Set<Value>();
  for (const node of all) {
    const [y] = node.outputs as readonly [Value];
    if (isQuantizable(node)) {
      values.add(node.inputs[0]!);
      values.add(clipped(y, all)?.outputs[0] ?? y);
    } else if (FOLLOWING.has(node.op) && node.inputs.every((input) => values.has(input!))) values.add(y);
  }
  for (const output of outputs) values.delete(output);
  return { nodes, values: [...values] };
}

/** The activation that alone takes a value, and only bounds it. */
function clipped(value: Value, nodes: readonly Node[]): Node | null {
  const uses = nodes.filter(({ inputs }) => inputs.includes(value));
  return uses.length === 1 && CLIPPING.has(uses[0]!.op) ? uses[0]! : null;
}

const isQuantizable = ({ op, inputs: [, weight, bias], attributes }: Node): boolean =>
  (op === "Conv" || (op === "Gemm" && attributes.transB === 1 && attributes.transA !== 1)) &&
  weight?.source.kind === "parameter" &&
  (bias === undefined || bias === null || bias.source.kind === "parameter");

/** Scale and zero point of x ~ (q - zero point) scale, q from 0 to 255; 0 is held exactly. */
export function affineScale({ low, high }: Range): { scale: number; zeroPoint: number } {
  const [from, to] = [Math.min(low, 0), Math.max(high, 0)];
  const scale = Math.fround((to - from) / 255) || 1;
  return { scale, zeroPoint: Math.min(255, Math.max(0, Math.round(-from / scale))) };
}

/**
 * The graph with its convolutions and matrix products in 8 bits: activations as uint8 with a scale for each value, weights as int8
 * with a scale for each output channel, symmetric, biases as int32. Written as QuantizeLinear and DequantizeLinear around the
 * float operators, which engines compute in whole numbers (arXiv 1712.05877, in ONNX's QDQ form).
 * @param data - the parameters' values  @param ranges - of the plan's values; a node that lacks one stays as it is
 */
export function quantized(graph: Graph, data: ParameterData, ranges: ReadonlyMap<Value, Range>): Graph {
  const all = nodesFor(Object.values(graph.outputs));
  const plan = quantizationPlan(graph);
  const chosen = new Set(plan.nodes.filter((node) => ranges.has(node.inputs[0]!)));
  /** Activations whose bounds are those of the range that follows; without them the engine has the convolution in 8 bits. */
  const bounds = new Set(
    [...chosen].map((node) => clipped(node.outputs[0]!, all)).filter((node) => node && ranges.has(node.outputs[0]!)),
  );
  /** Values that are handed on in 8 bits wherever they go; others only where a convolution takes them. */
  const handed = new Set(
    all.flatMap((node) => {
      const [y] = node.outputs as readonly [Value];
      return ranges.has(y) && (FOLLOWING.has(node.op) || chosen.has(node) || bounds.has(node)) ? [y] : [];
    }),
  );
  const b = new GraphBuilder(graph.inputs.map(({ name }) => name));
  const found = new Map<Value, Value>();
  const now = (value: Value): Value => found.get(value) ?? value;

  const through = (value: Value, range: Range): Value => {
    const { scale, zeroPoint } = affineScale(range);
    const by = [b.scalar(scale), b.constant(Uint8Array.of(zeroPoint), "uint8", [], "zero_point")];
    return b.op("DequantizeLinear", [b.op("QuantizeLinear", [value, ...by])[0]!, ...by])[0]!;
  };
  const weights = (weight: Value): { value: Value; scales: Float32Array } => {
    const values = data(weight) as Float32Array;
    const outputs = weight.shape[0]!;
    const each = values.length / outputs;
    const scales = Float32Array.from({ length: outputs }, (_, o) => {
      let most = 0;
      for (let i = o * each; i < (o + 1) * each; i++) most = Math.max(most, Math.abs(values[i]!));
      return most / 127 || 1;
    });
    const whole = Int8Array.from(values, (v, i) =>
      Math.max(-127, Math.min(127, Math.round(v / scales[Math.floor(i / each)]!))),
    );
    return { value: perChannel(whole, "int8", weight.shape, weight.name, scales), scales };
  };
  const perChannel = (
    whole: Int8Array | Int32Array,
    type: "int8" | "int32",
    shape: readonly number[],
    name: string,
    scales: Float32Array,
  ): Value =>
    b.op(
      "DequantizeLinear",
      [
        b.constant(whole, type, shape, `${name}/quantized`),
        b.constant(scales, "float32", [scales.length], `${name}/scale`),
        // That of 32 bits is 0 by itself.
        ...(type === "int8"
          ? [b.constant(new Int8Array(scales.length), type, [scales.length], `${name}/zero_point`)]
          : []),
      ],
      { axis: 0 },
    )[0]!;

  for (const node of all) {
    let inputs = node.inputs.map((input) => (input === null ? null : now(input)));
    const [y] = node.outputs as readonly [Value];
    if (bounds.has(node)) {
      found.set(y, through(inputs[0]!, ranges.get(y)!));
      continue;
    }
    if (chosen.has(node)) {
      const [x, weight, bias] = node.inputs as readonly [Value, Value, Value | null | undefined];
      const range = ranges.get(x)!;
      const { value, scales } = weights(weight);
      const steps = scales.map((s) => s * affineScale(range).scale);
      const shift = bias ? Int32Array.from(data(bias) as Float32Array, (v, o) => Math.round(v / steps[o]!)) : null;
      inputs = [handed.has(x) ? now(x) : through(now(x), range), value];
      if (shift !== null) inputs.push(perChannel(shift, "int32", bias!.shape, bias!.name, steps));
    }
    const made = b.op(node.op, inputs, node.attributes, node.name);
    node.outputs.forEach((output, i) => {
      found.set(output, handed.has(output) ? through(made[i]!, ranges.get(output)!) : made[i]!);
    });
  }
  return {
    ...graph,
    outputs: Object.fromEntries(Object.entries(graph.outputs).map(([name, value]) => [name, now(value)])),
  };
}
