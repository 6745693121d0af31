/**
 * How soon is a model ready for its first picture? `npx tsx bench/start.ts` compares a process that creates a session of the bare engine
 * from an exported file with one that reads the model directory and opens a session of ours, each from its start and without the
 * time in which modules are loaded, and `fixres predict` of one picture in all. `npx tsx bench/start.ts tf_efficientnet_l2 3` takes
 * another network, and fewer rounds. Milliseconds; the largest network needs 8 GB of disk for a while.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { median } from "./rounds.js";

const [name = "efficientnet_b0", count = "15"] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "fixres-start-"));
const [model, file, picture] = ["model", "model.onnx", "picture.jpg"].map((part) => join(folder, part)) as [
  string,
  string,
  string,
];
const cli = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** Prints when modules were loaded and when the session was there, ms since the process began. */
const printed = "process.stdout.write(JSON.stringify([loaded, performance.now()])); process.exit(0);";
const BARE = `
  import { InferenceSession } from "onnxruntime-node";
  const loaded = performance.now();
  await InferenceSession.create(${JSON.stringify(file)});
  ${printed}`;
const OURS = `
  import { inferenceProgram, loadModel } from "fixres/models";
  import { openSession } from "fixres/runtime";
  const loaded = performance.now();
  const model = await loadModel(${JSON.stringify(model)});
  await openSession(inferenceProgram(model, { resolution: model.input.resolution, batch: 1 }));
  ${printed}`;

const node = (args: readonly string[]): string =>
  execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

function ready(code: string): { all: number; without: number } {
  const [loaded, end] = JSON.parse(node(["--input-type=module", "-e", code])) as [number, number];
  return { all: end, without: end - loaded };
}

function predicted(): number {
  const started = performance.now();
  node([cli, "predict", model, picture, "--json"]);
  return performance.now() - started;
}

try {
  node([cli, "init", name, "--classes", "1000", "--out", model]);
  node([cli, "export", model, "--out", file]);
  const noise = Uint8Array.from({ length: 500 * 375 * 3 }, (_, i) => (i * 7919) % 251);
  writeFileSync(
    picture,
    await sharp(noise, { raw: { width: 500, height: 375, channels: 3 } })
      .jpeg()
      .toBuffer(),
  );
  const [bare, ours, whole] = [[], [], []] as [ReturnType<typeof ready>[], ReturnType<typeof ready>[], number[]];
  const steps = [() => bare.push(ready(BARE)), () => ours.push(ready(OURS)), () => whole.push(predicted())];
  for (let round = 0; round < Number(count); round++)
    for (const step of round % 2 === 0 ? steps : [...steps].reverse()) step();
  console.log(`${name} (${cpus()[0]!.model}, ${cpus().length} cores, Node ${process.versions.node})`);
  for (const part of ["all", "without"] as const) {
    const [theirs, own] = [bare, ours].map((all) => all.map((time) => time[part])) as [number[], number[]];
    const label = part === "all" ? "from the process's start" : "without loading modules";
    for (const [who, times] of [
      ["onnxruntime-node", theirs],
      ["fixres", own],
    ] as const)
      console.log(
        `  ${label}, ${who}: median ${median(times).toFixed(0)} of ${times.map((t) => t.toFixed(0)).join(", ")}`,
      );
    console.log(`  ${label}: ratio ${(median(own) / median(theirs)).toFixed(2)}`);
  }
  console.log(`  fixres predict: median ${median(whole).toFixed(0)} of ${whole.map((t) => t.toFixed(0)).join(", ")}`);
} finally {
  rmSync(folder, { recursive: true });
}
