#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { FailedError, FixresError } from "../errors.js";
import { VERSION } from "../version.js";

/** Exit codes: done, it failed, the request is wrong. */
const DONE = 0;
const FAILED = 1;
const WRONG_REQUEST = 2;

/** In the order of the help. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  models: async () => (await import("./models.js")).models,
  init: async () => (await import("./init.js")).init,
  import: async () => (await import("./import.js")).importCommand,
  inspect: async () => (await import("./inspect.js")).inspectCommand,
  export: async () => (await import("./export.js")).exportCommand,
  train: async () => (await import("./train.js")).trainCommand,
  label: async () => (await import("./label.js")).labelCommand,
  plan: async () => (await import("./plan.js")).planCommand,
  average: async () => (await import("./average.js")).averageCommand,
  tune: async () => (await import("./tune.js")).tuneCommand,
  cache: async () => (await import("./cache.js")).cacheCommand,
  reproduce: async () => (await import("./reproduce.js")).reproduceCommand,
  diagnose: async () => (await import("./diagnose.js")).diagnoseCommand,
  sweep: async () => (await import("./sweep.js")).sweepCommand,
  eval: async () => (await import("./eval.js")).evalCommand,
  extract: async () => (await import("./extract.js")).extractCommand,
  score: async () => (await import("./score.js")).scoreCommand,
  compare: async () => (await import("./compare.js")).compareCommand,
  report: async () => (await import("./report.js")).reportCommand,
  predict: async () => (await import("./predict.js")).predictCommand,
  worker: async () => (await import("./worker.js")).workerCommand,
  jobs: async () => (await import("./jobs.js")).jobsCommand,
  playground: async () => (await import("./playground.js")).playgroundCommand,
  verify: async () => (await import("./verify.js")).verifyCommand,
  ui: async () => (await import("./ui.js")).uiCommand,
};

const program = new Command("fixres")
  .description("FixRes and FixEfficientNet: train, fix and evaluate image classifiers on ONNX Runtime.")
  .version(VERSION)
  .addHelpText("after", "\nfixres COMMAND --help tells more, with examples.");
for (const command of await commandsFor(process.argv[2])) program.addCommand(command);
for (const command of [program, ...program.commands]) command.exitOverride().showHelpAfterError(false);

// Whoever reads the output may have had enough, as `head` has.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(DONE);
});

process.exitCode = await run(process.argv);

/** The command that is asked for, whose modules alone are loaded; all of them for whatever is not the name of one. */
async function commandsFor(name = ""): Promise<readonly Command[]> {
  const chosen = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  return Promise.all((chosen === undefined ? Object.values(COMMANDS) : [chosen]).map((load) => load()));
}

async function run(argv: readonly string[]): Promise<number> {
  try {
    await program.parseAsync([...argv]);
    return DONE;
  } catch (error) {
    // Commander has written its message by itself; help and version are no faults.
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : WRONG_REQUEST;
    process.stderr.write(`${describe(error, argv.includes("--debug"))}\n`);
    return error instanceof FixresError ? WRONG_REQUEST : FAILED;
  }
}

/** One line for faults that a user can mend or must know of; under `--debug` where it arose. */
function describe(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return `fixres: ${String(error)}`;
  if (debug && error.stack !== undefined) return error.stack;
  const known = error instanceof FixresError || error instanceof FailedError;
  const [line] = error.message.split("\n");
  return `fixres: ${line}${known || error.message.startsWith("stopped") ? "" : " (--debug shows where)"}`;
}
