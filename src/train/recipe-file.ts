import { parse } from "yaml";
import { z } from "zod";
import { RequestError, reason } from "../errors.js";
import { exists, readText } from "../files.js";
import { TrainOptions } from "./options.js";
import { RECIPE_NAMES, RECIPES, type Recipe } from "./recipes.js";

/** A recipe file: any of the options by their names in `config.json`, and `learningRatePer`. */
const RecipeFile = z.strictObject({
  ...Object.fromEntries(Object.entries(TrainOptions.shape).map(([key, type]) => [key, optional(type)])),
  learningRatePer: z.number().positive().optional(),
});

/** A field that may be absent, without the default that it has in a run's options. */
function optional(type: z.ZodType): z.ZodType {
  return (type instanceof z.ZodDefault ? (type.unwrap() as z.ZodType) : type).optional();
}

/**
 * The recipe of a name, or of a JSON or YAML file.
 * @throws {RequestError} for what is neither, or a file that is malformed: the first fault with its place and value
 */
export async function recipe(nameOrFile: string): Promise<Recipe> {
  if (Object.hasOwn(RECIPES, nameOrFile)) return RECIPES[nameOrFile as keyof typeof RECIPES].recipe;
  if (!(await exists(nameOrFile))) {
    throw new RequestError(
      `recipe "${nameOrFile}" is neither a name nor a file; choose one of ${RECIPE_NAMES.join(", ")}, or give a JSON or YAML file of options.`,
    );
  }
  // JSON is YAML too.
  const found = RecipeFile.safeParse(parsed(nameOrFile, await readText(nameOrFile, "recipe")));
  if (found.success) return checkedRecipe(nameOrFile, found.data as Recipe);
  const issue = found.error.issues[0]!;
  if (issue.code === "unrecognized_keys") throw unknownKeys(nameOrFile, issue.keys);
  const place = issue.path.join(".");
  throw new RequestError(`recipe "${nameOrFile}": ${place === "" ? "" : `${place}: `}${issue.message}.`);
}

function checkedRecipe(file: string, found: Recipe): Recipe {
  if (found.learningRatePer === undefined || found.learningRate !== undefined) return found;
  throw new RequestError(
    `recipe "${file}": learningRatePer is ${found.learningRatePer}, but there is no learningRate that it is meant for; give both or neither.`,
  );
}

/** What could be the name of an option: of a file that is no recipe at all, nothing is told. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,40}$/;

function unknownKeys(file: string, keys: readonly string[]): RequestError {
  const named = keys.filter((key) => NAME.test(key)).slice(0, 3);
  const such = named.length === 0 ? "" : `, such as ${named.map((key) => `"${key}"`).join(", ")}`;
  return new RequestError(
    `recipe "${file}": ${keys.length} of its keys are no options${such}. Options are ${Object.keys(RecipeFile.shape).join(", ")}.`,
  );
}

function parsed(file: string, text: string): unknown {
  try {
    // Warnings would go to stderr by themselves.
    return parse(text, { logLevel: "error" });
  } catch (error) {
    throw new RequestError(`recipe "${file}" is neither JSON nor YAML: ${reason(error).replace(/:$/, "")}.`);
  }
}
