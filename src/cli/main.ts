#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { FailedError, FixresError } from "../errors.js";
import { compareCommand } from "./compare.js";
import { evalCommand } from "./eval.js";
import { exportCommand } from "./export.js";
import { extractCommand } from "./extract.js";
import { importCommand } from "./import.js";
import { init } from "./init.js";
import { inspectCommand } from "./inspect.js";
import { models } from "./models.js";
import { predictCommand } from "./predict.js";
import { scoreCommand } from "./score.js";
import { sweepCommand } from "./sweep.js";
import { trainCommand } from "./train.js";
import { tuneCommand } from "./tune.js";
import { verifyCommand } from "./verify.js";

/** Exit codes: done, it failed, the request is wrong. */
const DONE = 0;
const FAILED = 1;
const WRONG_REQUEST = 2;

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("fixres")
  .description("FixRes and FixEfficientNet: train, fix and evaluate image classifiers on ONNX Runtime.")
  .version(version)
  .addHelpText("after", "\nfixres COMMAND --help tells more, with examples.");
for (const command of [
  models,
  init,
  importCommand,
  inspectCommand,
  exportCommand,
  trainCommand,
  tuneCommand,
  sweepCommand,
  evalCommand,
  extractCommand,
  scoreCommand,
  compareCommand,
  predictCommand,
  verifyCommand,
]) {
  program.addCommand(command);
}
for (const command of [program, ...program.commands]) command.exitOverride().showHelpAfterError(false);

process.exitCode = await run(process.argv);

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
