/**
 * How soon is a model ready for its first picture? `npx tsx bench/start.ts` compares a process that creates a session of the bare engine
 * from an exported file with two that read the model directory and open a session of ours: in the same thread as the bare one, which is
 * what `fixres predict` of one picture does, and in a thread of its own, the default of `openSession`. Each is measured from its start
 * and without the time in which its first thread loads modules, the engine's included; and `fixres predict` of one picture in all. `npx tsx bench/start.ts tf_efficientnet_l2 3` takes
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

/** Prints when modules were loaded and when the session was there, ms since the process began, and the processor's time until then. */
const printed = `
  const { user, system } = process.cpuUsage();
  process.stdout.write(JSON.stringify([loaded, performance.now(), (user + system) / 1000]));
  process.exit(0);`;
const BARE = `
  import { InferenceSession } from "onnxruntime-node";
  const loaded = performance.now();
  await InferenceSession.create(${JSON.stringify(file)});
  ${printed}`;
const ours = (where: "here" | "thread"): string => `
  import { inferenceProgram, loadModel } from "fixres/models";
  import { openSession } from "fixres/runtime";
  ${where === "here" ? 'import "onnxruntime-node";' : ""}
  const loaded = performance.now();
  const model = await loadModel(${JSON.stringify(model)});
  await openSession(inferenceProgram(model, { resolution: model.input.resolution, batch: 1 }), { where: "${where}" });
  ${printed}`;

const node = (args: readonly string[]): string =>
  execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

function ready(code: string): { all: number; without: number; processor: number } {
  const printed = JSON.parse(node(["--input-type=module", "-e", code])) as [number, number, number];
  const [loaded, end, processor] = printed;
  return { all: end, without: end - loaded, processor };
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
  const variants = { "onnxruntime-node": BARE, "fixres, here": ours("here"), "fixres, in a thread": ours("thread") };
  const times = Object.entries(variants).map(([who, code]) => ({ who, code, ready: [] as ReturnType<typeof ready>[] }));
  const whole: number[] = [];
  const steps = [
    ...times.map(
      ({ code, ready: all }) =>
        () =>
          all.push(ready(code)),
    ),
    () => whole.push(predicted()),
  ];
  for (let round = 0; round < Number(count); round++)
    for (const step of round % 2 === 0 ? steps : [...steps].reverse()) step();
  console.log(`${name} (${cpus()[0]!.model}, ${cpus().length} cores, Node ${process.versions.node})`);
  const shown = (values: readonly number[]): string =>
    `median ${median(values).toFixed(0)} of ${values.map((value) => value.toFixed(0)).join(", ")}`;
  for (const [part, label] of [
    ["all", "from the process's start"],
    ["without", "without loading modules"],
    // Of all threads; the one of these that hardly depends on what else the machine does.
    ["processor", "processor's time in all"],
  ] as const) {
    const [bare, ...own] = times.map(({ who, ready: all }) => ({ who, values: all.map((time) => time[part]) }));
    console.log(`  ${label}, ${bare!.who}: ${shown(bare!.values)}`);
    for (const { who, values } of own)
      console.log(`  ${label}, ${who}: ${shown(values)}; ratio ${(median(values) / median(bare!.values)).toFixed(2)}`);
  }
  console.log(`  fixres predict: ${shown(whole)}`);
} finally {
  rmSync(folder, { recursive: true });
}
