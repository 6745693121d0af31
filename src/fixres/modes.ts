import { RequestError, reason } from "../errors.js";
import { blocksOf, isOnnxNetwork, type Model } from "../models/pure.js";

/** What of a network is tuned. Everything below is frozen and in inference mode, so its features can be kept. */
export type TuneMode = TopMode | ChosenMode;

/** The classifier, and what is right before it. */
export interface TopMode {
  /** The last BatchNorm: as it was, following the batches' statistics, or with its weight and bias trained too. */
  readonly norm: "frozen" | "statistics" | "trained";
  /** Whether the convolution before that BatchNorm is trained. */
  readonly conv: boolean;
  readonly summary: string;
}

/** Parameters by their names; a BatchNorm whose weight is among them normalises by the batch. */
export interface ChosenMode {
  /** The parameters that are trained, of all those of a network, running statistics left out. */
  choose(parameters: readonly string[], arch: Model["arch"]): readonly string[];
}

/** The modes of DESIGN.md, section 6 (arXiv 1906.06423, section 4.2; 2003.08237, section 3). The classifier is trained in all. */
export const TUNE_MODES = {
  classifier: { norm: "frozen", conv: false, summary: "the classifier alone" },
  "classifier+bn-stats": {
    norm: "statistics",
    conv: false,
    summary: "the classifier; the last BatchNorm follows the new statistics (the authors' EfficientNet code)",
  },
  "classifier+bn": { norm: "trained", conv: false, summary: "the classifier and the last BatchNorm (the papers)" },
  head: { norm: "trained", conv: true, summary: "the same and the last convolution" },
} as const satisfies Record<string, TopMode>;

/** One of `TUNE_MODES`, `all`, `last:K` with a number, or `match:PATTERN` with a regular expression. */
export type TuneModeName = keyof typeof TUNE_MODES | "all" | `last:${number}` | `match:${string}`;

/** The forms that a mode's name has, for helps and messages. */
export const TUNE_MODE_FORMS = [...Object.keys(TUNE_MODES), "last:K", "all", "match:PATTERN"];

/** The mode of a name. @throws {RequestError} for an unknown one, or a pattern that is none */
export function tuneMode(name: string): TuneMode {
  if (Object.hasOwn(TUNE_MODES, name)) return TUNE_MODES[name as keyof typeof TUNE_MODES];
  if (name === "all") return { choose: (parameters) => parameters };
  const last = /^last:(\d+)$/.exec(name)?.[1];
  if (last !== undefined && Number(last) >= 1) return lastBlocks(Number(last));
  const pattern = /^match:(.+)$/s.exec(name)?.[1];
  if (pattern !== undefined) return matching(pattern);
  throw new RequestError(
    `what to tune is "${name}"; choose one of ${TUNE_MODE_FORMS.join(", ")}, such as last:2 or match:^blocks.6.`,
  );
}

/** The classifier, the head's convolution and BatchNorm, and the last blocks. */
const lastBlocks = (count: number): ChosenMode => ({
  choose(parameters, arch) {
    if (isOnnxNetwork(arch)) {
      throw new RequestError(
        `${arch.name} comes from an ONNX file, which does not say what its blocks are; name its parameters by match:PATTERN (fixres inspect).`,
      );
    }
    const blocks = blocksOf(arch);
    if (count > blocks.length)
      throw new RequestError(`${arch.name} has ${blocks.length} blocks, fewer than ${count}; choose all, or fewer.`);
    const tops = ["classifier", "conv_head", "bn2", ...blocks.slice(-count).map((block) => block.name)];
    return parameters.filter((parameter) => tops.some((top) => parameter.startsWith(`${top}.`)));
  },
});

function matching(pattern: string): ChosenMode {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern);
  } catch (error) {
    throw new RequestError(`what to tune is match:${pattern}, which is no regular expression: ${reason(error)}.`);
  }
  return {
    choose(parameters, { name }) {
      const found = parameters.filter((parameter) => expression.test(parameter));
      if (found.length > 0) return found;
      throw new RequestError(
        `no parameter of ${name} matches ${pattern}; its last ones are ${parameters.slice(-4).join(", ")}.`,
      );
    },
  };
}
