import { readFile } from "node:fs/promises";
import { parse, YAMLParseError } from "yaml";
import { z } from "zod";
import { RequestError } from "../errors.js";
import { exists } from "../files.js";
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
  const found = RecipeFile.safeParse(parsed(nameOrFile, await readFile(nameOrFile, "utf8")));
  if (found.success) return found.data as Recipe;
  const [issue] = found.error.issues;
  const place = issue!.path.join(".");
  const known = issue!.code === "unrecognized_keys" ? ` Options are ${Object.keys(RecipeFile.shape).join(", ")}.` : "";
  throw new RequestError(`recipe "${nameOrFile}": ${place === "" ? "" : `${place}: `}${issue!.message}.${known}`);
}

function parsed(file: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new RequestError(`recipe "${file}" is neither JSON nor YAML: ${error.message.split("\n")[0]}`);
  }
}
