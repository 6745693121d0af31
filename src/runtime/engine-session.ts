import type { InferenceSession, Tensor } from "onnxruntime-node";
import { RequestError } from "../errors.js";
// Types alone: a session's thread would load all of it for nothing, for 50 ms.
import type { Shape, TypedArray } from "../onnx/index.js";
import type { Session, Tensors } from "./session.js";
import { isShared } from "./shared.js";

type ElementType = Tensor.Type;
interface Slot {
  readonly type: ElementType;
  readonly shape: Shape;
}

const slots = (metadata: readonly InferenceSession.ValueMetadata[]): Map<string, Slot> =>
  new Map(
    metadata.map((entry) => {
      if (!entry.isTensor) throw new RequestError(`"${entry.name}" is not a tensor; only tensors are supported.`);
      return [entry.name, { type: entry.type, shape: entry.shape.map((n) => (typeof n === "number" ? n : -1)) }];
    }),
  );

const shapesOf = (all: ReadonlyMap<string, Slot>, without: ReadonlySet<string>): Record<string, Shape> =>
  Object.fromEntries([...all].filter(([name]) => !without.has(name)).map(([name, { shape }]) => [name, shape]));

const elementsOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

/** A shape with its one open dimension as so many elements need it. */
const closed = (shape: Shape, count: number): Shape =>
  shape.map((n) => (n === -1 ? Math.floor(count / Math.abs(elementsOf(shape))) : n));

/** A session of ONNX Runtime's, for Node or for pages, with its own class of tensors. */
export interface Engine {
  readonly inner: InferenceSession;
  readonly Tensor: new (type: ElementType, data: Tensor["data"] & TypedArray, shape: Shape) => Tensor;
  /** Whether a run writes into the tensors that it is given for its outputs; the web's build makes new ones. */
  readonly reusesOutputs: boolean;
}

/** A session in this thread; one run after the other. */
export class EngineSession implements Session {
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly outputs: Readonly<Record<string, Shape>>;
  private readonly inputSlots: Map<string, Slot>;
  /** Carried tensors twice: what the next run reads, and what it writes; the two change places after each run. */
  private state: Record<string, Tensor> = {};
  private next: Record<string, Tensor> = {};

  constructor(
    private readonly engine: Engine,
    private readonly carried: Readonly<Record<string, string>>,
  ) {
    const { inner } = engine;
    this.inputSlots = slots(inner.inputMetadata);
    this.inputs = shapesOf(this.inputSlots, new Set(Object.keys(carried)));
    this.outputs = shapesOf(slots(inner.outputMetadata), new Set(Object.values(carried)));
  }

  async run(feeds: Tensors, shapes: Readonly<Record<string, Shape>> = {}): Promise<Tensors> {
    const all: Record<string, Tensor> = { ...this.state };
    for (const [name, shape] of Object.entries(this.inputs)) {
      const data = feeds[name];
      if (data === undefined) throw new RequestError(`input "${name}" [${shape.join(", ")}] was not fed.`);
      all[name] = this.tensor(name, data, shapes[name]);
    }
    const fetches: Record<string, Tensor | null> = {};
    for (const name of Object.keys(this.outputs)) fetches[name] = null;
    const { inner, reusesOutputs } = this.engine;
    const carried = Object.entries(this.carried);
    for (const [input, output] of carried) fetches[output] = (reusesOutputs && this.next[input]) || null;
    const results = await inner.run(all, fetches);
    if (reusesOutputs) [this.state, this.next] = [this.next, this.state];
    else for (const [input, output] of carried) this.state[input] = results[output]!;
    return Object.fromEntries(Object.keys(this.outputs).map((name) => [name, results[name]!.data as TypedArray]));
  }

  async setState(state: Tensors): Promise<void> {
    for (const [name, data] of Object.entries(state)) {
      if (!Object.hasOwn(this.carried, name)) throw new RequestError(`"${name}" is not carried by this session.`);
      this.state[name] = this.tensor(name, data.slice());
      if (this.engine.reusesOutputs) this.next[name] = this.tensor(name, data.slice());
    }
  }

  async getState(): Promise<Tensors> {
    return Object.fromEntries(
      Object.keys(this.carried).map((name) => [name, (this.state[name]!.data as TypedArray).slice()]),
    );
  }

  async dispose(): Promise<void> {
    await this.engine.inner.release();
  }

  private tensor(name: string, data: TypedArray, given?: Shape): Tensor {
    const slot = this.inputSlots.get(name);
    if (slot === undefined)
      throw new RequestError(`"${name}" is no input; inputs are ${[...this.inputSlots.keys()].join(", ")}.`);
    const shape = given ?? closed(slot.shape, data.length);
    if (data.length !== elementsOf(shape)) {
      throw new RequestError(
        `input "${name}" [${slot.shape.join(", ")}] was fed ${data.length} elements; ${elementsOf(shape)} are needed.`,
      );
    }
    // The engine refuses memory that threads share, such as weights from a file lie in.
    const own = isShared(data.buffer) ? data.slice() : data;
    return new this.engine.Tensor(slot.type, own as Tensor["data"] & TypedArray, shape);
  }
}
