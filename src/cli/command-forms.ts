import type { Command, Option } from "commander";
import { InvalidArgumentError } from "commander";
import type { OptionForm, RunnableCommand } from "../ui/index.js";

/** Options that a form has no use for: what is printed, and files elsewhere than in the run's folder. */
const LEFT_OUT = ["json", "debug", "csv", "out", "run", "resume", "config", "models", "find-lr"];

/** A command as a form shows it, and its own check of values. @param folder - the option that takes the run's folder */
export function commandForm(command: Command, folder: RunnableCommand["folder"]): RunnableCommand {
  const options = command.options.filter((option) => !LEFT_OUT.includes(nameOf(option)));
  return {
    name: command.name(),
    description: command.description(),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      description: argument.description,
      required: argument.required,
    })),
    options: options.map(optionForm),
    folder,
    check(name, value) {
      const option = options.find((one) => nameOf(one) === name);
      try {
        option?.parseArg?.(value, undefined);
        return null;
      } catch (error) {
        if (error instanceof InvalidArgumentError) return error.message;
        throw error;
      }
    },
  };
}

const nameOf = ({ long }: Option): string => (long ?? "").replace(/^--/, "");

function optionForm(option: Option): OptionForm {
  const { description, argChoices, defaultValue, required, optional, mandatory } = option;
  return {
    name: nameOf(option),
    description,
    kind: required ? "value" : optional ? "either" : "flag",
    ...(argChoices !== undefined && { choices: argChoices }),
    required: mandatory,
    ...(defaultValue !== undefined && defaultValue !== false && { standard: String(defaultValue) }),
  };
}
