import type { RunSummary } from "./api.js";

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
export const points = (share: number): string => `${share >= 0 ? "+" : "−"}${Math.abs(share * 100).toFixed(1)} points`;
export const pValue = (p: number): string => (p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`);
export const count = (n: number): string => n.toLocaleString("en");
/** A setting or a result, as people read it. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "–";
  // As one would type it; nothing would look like a setting that a run does not have.
  if (value === "") return '""';
  if (Array.isArray(value)) return value.map(shown).join(", ");
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function when(iso: string): string {
  const date = new Date(iso);
  const today = new Date().toDateString() === date.toDateString();
  return today
    ? date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

export function span({ started, ended, updated }: Pick<RunSummary, "started" | "ended" | "updated">): string {
  const seconds = Math.max(0, (Date.parse(ended ?? updated) - Date.parse(started)) / 1000);
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

/** Query of an address, without what is empty. */
export function queryText(values: Readonly<Record<string, string | number | undefined>>): string {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined && value !== "" && value !== 0);
  return kept.length === 0 ? "" : `?${new URLSearchParams(kept.map(([key, value]) => [key, String(value)]))}`;
}
