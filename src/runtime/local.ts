import { env, InferenceSession, Tensor } from "onnxruntime-node";
import { RequestError } from "../errors.js";
// Types alone: a session's thread would load all of it for nothing, for 50 ms.
import type { DataType, Shape, TypedArray } from "../onnx/index.js";
import { type Carried, inMemory, onGpu } from "./carried.js";
import { checkSessionOptions, type SessionOptions } from "./options.js";
import type { Program, Session, Tensors } from "./session.js";

// What fails is thrown, and said once; the engine's own log would repeat it over several lines.
env.logLevel = "fatal";

type ElementType = Tensor.Type;
interface Slot {
  readonly type: ElementType;
  readonly shape: Shape;
}

/** Opens a session in this thread, which every run blocks until it is done. */
export async function openLocalSession(program: Program, options: SessionOptions = {}): Promise<Session> {
  checkSessionOptions(options);
  const { device = "cpu", threads, profilePrefix, optimize = true } = options;
  const { carried = {} } = program;
  // Of the GPUs' providers it is the only one that the binding takes tensors of.
  const staysOnGpu = device === "webgpu" && Object.keys(carried).length > 0;
  const executionProviders = device === "cpu" ? ["cpu"] : [device, "cpu"];
  let inner: InferenceSession;
  try {
    inner = await InferenceSession.create(program.model, {
      executionProviders,
      ...(staysOnGpu ? { preferredOutputLocation: locations(carried) } : {}),
      // Planned as one block, a training step's memory is asked for beside what the first run took: nearly twice as much in all.
      enableMemPattern: Object.keys(carried).length === 0,
      graphOptimizationLevel: optimize ? "all" : "disabled",
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      ...(program.external === undefined ? {} : { externalData: [...program.external] }),
      ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
      // Warnings about initializers that an optimised graph no longer needs are not for users.
      logSeverityLevel: 3,
      extra: {
        // Denormals appear in late training and cost tens of times a normal number's time.
        session: {
          set_denormal_as_zero: "1",
          ...(program.folder === undefined ? {} : { model_external_initializers_file_folder_path: program.folder }),
        },
        // It moves zeros that surround a picture into MaxPool, which surrounds it with -infinity.
        optimization: { disable_specified_optimizers: "Pad_Fusion" },
      },
    });
  } catch (error) {
    throw deviceError(device, error);
  }
  if (!staysOnGpu) return new LocalSession(inner, carried, inMemory(carried));
  const reader = await InferenceSession.create(await identities(inner, carried), { executionProviders });
  return new LocalSession(inner, carried, onGpu(carried, reader));
}

const locations = (carried: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.values(carried).map((output) => [output, "gpu-buffer" as const]));

/** A model that gives what is carried as it is, under the names of the outputs. */
async function identities({ inputMetadata }: InferenceSession, carried: Readonly<Record<string, string>>) {
  const { GraphBuilder, serialize } = await import("../onnx/index.js");
  const b = new GraphBuilder();
  const inputs = [...slots(inputMetadata)].flatMap(([name, { type, shape }]) =>
    Object.hasOwn(carried, name) ? [b.input(name, type as DataType, shape)] : [],
  );
  const outputs = Object.fromEntries(inputs.map((value) => [carried[value.name]!, b.op("Identity", [value])[0]!]));
  return serialize({ name: "what is carried", inputs, outputs });
}

function deviceError(device: string, error: unknown): unknown {
  if (device === "cpu") return error;
  const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
  return new RequestError(`device "${device}" cannot be used here: ${reason}. The device "cpu" works everywhere.`);
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

class LocalSession implements Session {
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly outputs: Readonly<Record<string, Shape>>;
  private readonly inputSlots: Map<string, Slot>;

  constructor(
    private readonly inner: InferenceSession,
    private readonly carriedNames: Readonly<Record<string, string>>,
    private readonly carried: Carried,
  ) {
    this.inputSlots = slots(inner.inputMetadata);
    this.inputs = shapesOf(this.inputSlots, new Set(Object.keys(carriedNames)));
    this.outputs = shapesOf(slots(inner.outputMetadata), new Set(Object.values(carriedNames)));
  }

  async run(feeds: Tensors, shapes: Readonly<Record<string, Shape>> = {}): Promise<Tensors> {
    const all: Record<string, Tensor> = { ...this.carried.feeds };
    for (const [name, shape] of Object.entries(this.inputs)) {
      const data = feeds[name];
      if (data === undefined) throw new RequestError(`input "${name}" [${shape.join(", ")}] was not fed.`);
      all[name] = this.tensor(name, data, shapes[name]);
    }
    const fetches: Record<string, Tensor | null> = { ...this.carried.fetches };
    for (const name of Object.keys(this.outputs)) fetches[name] = null;
    const results = await this.inner.run(all, fetches);
    this.carried.advance(results as Record<string, Tensor>);
    return Object.fromEntries(Object.keys(this.outputs).map((name) => [name, results[name]!.data as TypedArray]));
  }

  async setState(state: Tensors): Promise<void> {
    for (const [name, data] of Object.entries(state)) {
      if (!Object.hasOwn(this.carriedNames, name)) throw new RequestError(`"${name}" is not carried by this session.`);
      this.carried.set(name, () => this.tensor(name, data.slice()));
    }
  }

  async getState(): Promise<Tensors> {
    const state = await this.carried.read();
    return Object.fromEntries(
      Object.keys(this.carriedNames).map((name) => [name, (state[name]!.data as TypedArray).slice()]),
    );
  }

  async dispose(): Promise<void> {
    await this.carried.dispose();
    await this.inner.release();
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
    const own = data.buffer instanceof SharedArrayBuffer ? data.slice() : data;
    return new Tensor(slot.type, own as Tensor["data"] & TypedArray, shape);
  }
}
