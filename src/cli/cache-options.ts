import { type Command, Option } from "commander";
import { CACHE_DEFAULTS, CACHE_WHERE, type CacheWhere, type FeatureType, TUNE_DEFAULTS } from "../fixres/index.js";
import * as cli from "./options.js";

const GIBIBYTE = 2 ** 30;

/** Where features are kept, and what they are kept as. */
export interface CacheOptions {
  readonly cache: CacheWhere;
  readonly cacheType: FeatureType;
  readonly cacheDir?: string;
  readonly cacheLimit: number;
  readonly cacheMemory: number;
}

/** Options of every command that keeps features. */
export const withCache = (to: Command): Command =>
  to
    .addOption(
      new Option(
        "--cache <where>",
        "where features are kept: disk, also for later runs (fixres cache), memory, or none",
      )
        .choices(CACHE_WHERE)
        .default(CACHE_DEFAULTS.where),
    )
    .addOption(
      new Option("--cache-type <type>", "what features of training pictures are kept as")
        .choices(["float16", "float32"])
        .default(TUNE_DEFAULTS.cacheType),
    )
    .option("--cache-dir <dir>", "folder of the cache on disk (default: $FIXRES_CACHE, or ~/.cache/fixres)")
    .option("--cache-limit <GiB>", "what that may take", cli.positiveNumber, CACHE_DEFAULTS.limitBytes / GIBIBYTE)
    .option(
      "--cache-memory <GiB>",
      "features up to this size are held in memory",
      cli.positiveNumber,
      CACHE_DEFAULTS.memoryBytes / GIBIBYTE,
    );

/** The cache as the library takes it. */
export const cacheOf = ({ cache, cacheDir, cacheLimit, cacheMemory }: CacheOptions) => ({
  where: cache,
  directory: cacheDir,
  limitBytes: cacheLimit * GIBIBYTE,
  memoryBytes: cacheMemory * GIBIBYTE,
});
