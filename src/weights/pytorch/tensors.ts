import { DataError } from "../../errors.js";
import { elements, type Shape, showShape } from "../../onnx/index.js";
import { ELEMENT_BYTES, type ElementType, typed, window } from "../elements.js";
import type { LazyTensor } from "../source.js";
import { type Calls, Global, Opaque, refused } from "./pickle.js";

/** Elements as they lie in a storage, by the class that PyTorch names. */
const STORAGES = {
  "torch.FloatStorage": "float32",
  "torch.DoubleStorage": "float64",
  "torch.HalfStorage": "float16",
  "torch.BFloat16Storage": "bfloat16",
  "torch.LongStorage": "int64",
  "torch.IntStorage": "int32",
  "torch.ShortStorage": "int16",
  "torch.CharStorage": "int8",
  "torch.ByteStorage": "uint8",
  "torch.BoolStorage": "bool",
} as const satisfies Record<string, ElementType>;

/** A block of elements that tensors are windows on. */
export interface Storage {
  readonly key: string;
  readonly dtype: ElementType;
  readonly elements: number;
  readonly bytes: number;
}

/** A window on a storage. */
export class TensorView {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: Shape,
    readonly strides: Shape,
  ) {}
}

/** What is beside the tensors in many checkpoints, and is kept as a name alone. */
const OPAQUE = new Set([
  "argparse.Namespace",
  "types.SimpleNamespace",
  "torch.device",
  "numpy.dtype",
  "numpy.core.multiarray.scalar",
  "numpy._core.multiarray.scalar",
  "_codecs.encode",
]);

/** Names that a tensor needs, called or as arguments. */
const TENSOR_NAMES = new Set([
  "collections.OrderedDict",
  "torch.Size",
  "torch._utils._rebuild_parameter",
  "torch.nn.parameter.Parameter",
  "torch._utils._rebuild_tensor",
  "torch._utils._rebuild_tensor_v2",
]);

const isIndex = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const isShape = (value: unknown): value is number[] => Array.isArray(value) && value.every(isIndex);

/**
 * What a checkpoint's pickle may ask for: dictionaries, windows on storages, and a few names that are kept as such.
 * @param storages - filled with every storage that is named
 */
export function tensorCalls(file: string, storages: Map<string, Storage>): Calls {
  const fail = (message: string): never => {
    throw new DataError(`checkpoint "${file}": ${message}. It is damaged or no checkpoint; fetch it again.`);
  };
  return {
    check(name) {
      // An element type is a mere value, such as torch.float16.
      if (/^torch\.(bool|u?int\d+|b?float\d+|half|double|float|long)$/.test(name.name)) return name;
      const known = [TENSOR_NAMES, OPAQUE].some((names) => names.has(name.name)) || Object.hasOwn(STORAGES, name.name);
      if (!known) throw refused(file, name);
      return name;
    },
    call(callee, args) {
      switch (callee.name) {
        case "collections.OrderedDict":
          return new Map();
        case "torch.Size":
          return args[0];
        case "torch._utils._rebuild_parameter":
        case "torch.nn.parameter.Parameter":
          return args[0] instanceof TensorView ? args[0] : fail("its pickle makes a parameter of what is no tensor");
        case "torch._utils._rebuild_tensor":
        case "torch._utils._rebuild_tensor_v2": {
          const [storage, offset, shape, strides] = args;
          if (
            !isStorage(storage) ||
            !isIndex(offset) ||
            !isShape(shape) ||
            !isShape(strides) ||
            shape.length !== strides.length
          )
            return fail("its pickle describes a tensor that cannot be");
          return new TensorView(storage, offset, shape, strides);
        }
        default:
          return OPAQUE.has(callee.name) ? new Opaque(callee.name) : fail(`its pickle calls ${callee.name}`);
      }
    },
    persistent(id) {
      const [kind, type, key, , count] = Array.isArray(id) ? (id as unknown[]) : [];
      if (kind !== "storage" || !(type instanceof Global) || typeof key !== "string" || !isIndex(count))
        return fail("its pickle refers to what is no storage");
      if (!Object.hasOwn(STORAGES, type.name)) return fail(`its pickle takes ${type.name} for a storage`);
      const dtype = STORAGES[type.name as keyof typeof STORAGES];
      const storage: Storage = { key, dtype, elements: count, bytes: count * ELEMENT_BYTES[dtype] };
      const known = storages.get(key);
      if (known !== undefined && (known.dtype !== dtype || known.elements !== count))
        return fail(`its pickle describes the storage "${key}" in two ways`);
      storages.set(key, known ?? storage);
      return known ?? storage;
    },
  };
}

const isStorage = (value: unknown): value is Storage =>
  typeof value === "object" && value !== null && "dtype" in value && "elements" in value;

/**
 * A tensor that reads its storage when it is asked for.
 * @throws {DataError} where it reaches outside its storage
 */
export function lazyTensor(
  file: string,
  name: string,
  { storage, offset, shape, strides }: TensorView,
  read: (storage: Storage) => Promise<Uint8Array>,
): LazyTensor {
  const count = elements(shape);
  const last = offset + shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis]!, 0);
  if (!Number.isSafeInteger(count) || (count > 0 && !(last < storage.elements))) {
    throw new DataError(
      `checkpoint "${file}": tensor "${name}" ${showShape(shape)} reaches outside its ${storage.elements} elements. It is damaged; fetch it again.`,
    );
  }
  // A window may repeat elements (strides of 0), but then a few bytes could claim any memory.
  if (count > storage.elements) {
    throw new DataError(
      `checkpoint "${file}": tensor "${name}" ${showShape(shape)} repeats elements of its storage, which is refused.`,
    );
  }
  return {
    dtype: storage.dtype,
    shape,
    async read() {
      return { shape, ...window(typed(storage.dtype, await read(storage)), { offset, shape, strides, count }) };
    },
  };
}
