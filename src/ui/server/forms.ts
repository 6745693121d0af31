import { isAbsolute, join, relative, sep } from "node:path";
import { z } from "zod";
import { RequestError } from "../../errors.js";

/** An option of a command, as a form shows it. */
export interface OptionForm {
  /** Without its dashes. */
  readonly name: string;
  readonly description: string;
  /** A flag has no value; some options may have one or be a flag. */
  readonly kind: "flag" | "value" | "either";
  readonly choices?: readonly string[];
  readonly required: boolean;
  /** What holds where it is not given, as text. */
  readonly standard?: string;
}

/** A command that can be started, described by the command line's own definition of it. */
export interface CommandForm {
  readonly name: string;
  readonly description: string;
  readonly arguments: readonly { readonly name: string; readonly description: string; readonly required: boolean }[];
  readonly options: readonly OptionForm[];
  /** The option that takes the run's folder, which the form fills in. */
  readonly folder: "out" | "run";
}

/** A command with the command line's own check of a value. */
export interface RunnableCommand extends CommandForm {
  /** @returns what is wrong with it; null where nothing is */
  check(option: string, value: string): string | null;
}

const Text = z
  .string()
  .max(4096)
  .refine((text) => !text.includes("\0"), "a NUL character");

/** What a form sends. */
export const StartRequest = z.strictObject({
  command: z.string().max(40),
  /** Of the run's folder, below the runs folder. */
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,3}$/,
      "a name of letters, digits, dots, dashes and underscores; slashes between folders",
    ),
  arguments: z.array(Text).max(10),
  options: z.record(z.string().max(60), z.union([Text, z.literal(true)])),
});
export type StartRequest = z.infer<typeof StartRequest>;

/** Where a form is wrong. */
export class FormError extends RequestError {
  /** @param field - the option's name, or of the argument; null where it is all of it */
  constructor(
    message: string,
    readonly field: string | null,
  ) {
    super(message);
  }
}

/**
 * The arguments of `fixres` for a form. Values go in one word with their option, and arguments behind `--`, so that none is taken for
 * an option whatever it begins with.
 * @param out - the run's folder
 * @throws {FormError} where a command or option is not known, or a value is not what the command line takes
 */
export function argumentsOf(request: StartRequest, commands: readonly RunnableCommand[], out: string): string[] {
  const command = commands.find(({ name }) => name === request.command);
  if (command === undefined)
    throw new FormError(`there is no command "${request.command}" to start; there are ${namesOf(commands)}.`, null);
  const words = Object.entries(request.options).map(([name, value]): string => {
    const option = command.options.find((one) => one.name === name);
    if (option === undefined) throw new FormError(`${command.name} has no option --${name}.`, name);
    if (value === true) {
      if (option.kind === "value") throw new FormError(`--${name} wants a value.`, name);
      return `--${name}`;
    }
    if (option.kind === "flag") throw new FormError(`--${name} takes no value.`, name);
    const wrong = command.check(name, value);
    if (wrong !== null) throw new FormError(`--${name} is "${value}". ${wrong}`, name);
    return `--${name}=${value}`;
  });
  for (const { name, required } of command.options)
    if (required && request.options[name] === undefined) throw new FormError(`--${name} is missing.`, name);
  const given = request.arguments.filter((text) => text !== "");
  const needed = command.arguments.filter(({ required }) => required);
  if (given.length < needed.length)
    throw new FormError(`${needed[given.length]!.name} is missing.`, needed[given.length]!.name);
  if (given.length > command.arguments.length)
    throw new FormError(`${command.name} takes ${command.arguments.length} arguments, not ${given.length}.`, null);
  return [command.name, ...words, `--${command.folder}=${out}`, ...(given.length > 0 ? ["--", ...given] : [])];
}

const namesOf = (commands: readonly CommandForm[]): string => commands.map(({ name }) => name).join(", ");

/**
 * The arguments that go on with a run, which are those that its record has. Records are files that somebody may have copied here, so
 * nothing but the run's own command is taken from one, and nothing that writes elsewhere than into the run's folder.
 * @throws {RequestError} where it says something else
 */
export function resumeArguments(
  { kind, argv, cwd }: { kind: string; argv: readonly string[]; cwd: string },
  folder: string,
  commands: readonly RunnableCommand[],
): string[] {
  const command = commands.find(({ name }) => name === kind);
  if (command === undefined || argv[0] !== kind)
    throw new RequestError(`the record of this run says how another is started: ${argv[0] ?? "nothing"}.`);
  const writes = ["out", "run", "resume", "csv"];
  // Behind "--" too, which may be another option's value.
  for (const [i, word] of argv.entries()) {
    const match = /^--([a-z0-9-]+)(?:=(.*))?$/s.exec(word);
    if (match === null || !writes.includes(match[1]!)) continue;
    const value = match[2] ?? argv[i + 1] ?? "";
    const path = isAbsolute(value) ? value : join(cwd, value);
    const way = relative(folder, path);
    if (way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way))
      throw new RequestError(`the record of this run writes to "${value}", which is not its folder; start it by hand.`);
  }
  return [...argv];
}
