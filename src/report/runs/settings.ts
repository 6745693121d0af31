import type { Setting } from "./record.js";

/**
 * Settings by flat names: `{ preprocessing: { resolution: 224 } }` gives `preprocessing.resolution`. What is absent is left
 * out; numbers that are not finite are told as text, which JSON has no other way for.
 */
export function flatSettings(settings: object): Record<string, Setting> {
  const flat: Record<string, Setting> = {};
  const add = (name: string, value: unknown): void => {
    if (value === undefined || typeof value === "function") return;
    if (isScalar(value)) flat[name] = plain(value);
    else if (Array.isArray(value)) flat[name] = value.map((one) => (isScalar(one) ? plain(one) : JSON.stringify(one)));
    else if (typeof value === "object") for (const [key, own] of Object.entries(value!)) add(`${name}.${key}`, own);
    else flat[name] = String(value);
  };
  for (const [name, value] of Object.entries(settings)) add(name, value);
  return flat;
}

type Scalar = string | number | boolean | null;

const isScalar = (value: unknown): value is Scalar =>
  value === null || ["string", "number", "boolean"].includes(typeof value);

const plain = (value: Scalar): Scalar => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
