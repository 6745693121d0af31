import { familyTable } from "../models/index.js";
import { command, print } from "./options.js";
import { table } from "./table.js";

export const models = command(
  "models",
  "List the family: sizes, training resolutions, and where FixEfficientNet tests.",
  ["fixres models", "fixres models --json"],
).action(({ json }: { json?: boolean }) => {
  const rows = familyTable();
  print(json, rows, () =>
    table(
      ["name", "parameters", "multiply-adds", "train at", "fix at", "with extra data"],
      rows.map((row) => [
        row.name,
        `${(row.params / 1e6).toFixed(1)} M`,
        `${(row.macs / 1e9).toFixed(2)} G`,
        String(row.trainResolution),
        String(row.fixResolution ?? "-"),
        String(row.fixResolutionExtraData ?? "-"),
      ]),
    ),
  );
});
