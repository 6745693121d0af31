import type { Value } from "fixres/onnx";

/** `size` numbers in [-1, 1), a function of `name` and the index alone: FNV-1a of the name, murmur3's finaliser. */
export function uniform(name: string, size: number): Float64Array {
  let h = 2166136261;
  for (const byte of new TextEncoder().encode(name)) h = Math.imul(h ^ byte, 16777619);
  const out = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    let x = (Math.imul(i, 0x9e3779b1) + h) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    out[i] = ((x ^ (x >>> 16)) >>> 0) / 2147483648 - 1;
  }
  return out;
}

/** The golden value of a parameter, by its name and shape. */
export function filled({ name, shape }: Pick<Value, "name" | "shape">): Float32Array {
  const size = shape.reduce((a, n) => a * n, 1);
  const u = uniform(name, size);
  const of = (f: (u: number) => number): Float32Array => Float32Array.from(u, f);
  if (name.endsWith(".running_var")) return of((v) => 1 + 0.25 * v);
  if (name.endsWith(".running_mean") || name.endsWith(".bias")) return of((v) => 0.1 * v);
  const last = name.endsWith("bn3.weight") ? 0.25 : 1;
  if (shape.length === 1) return of((v) => (1 + 0.1 * v) * last);
  const bound = Math.sqrt(6 / (size / shape[0]!));
  return of((v) => v * bound);
}

/** Already normalised pictures, [batch, 3, R, R]. */
export function picture(batch: number, resolution: number): Float32Array {
  return Float32Array.from(uniform("input", batch * 3 * resolution * resolution));
}
