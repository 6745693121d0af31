import { RequestError } from "../../errors.js";
import { elements, type Graph, nodesFor, parametersFor, type Shape } from "../../onnx/index.js";
import { entryFolder, roomFor } from "../features/directory.js";
import {
  CACHE_DEFAULTS,
  type CacheWhere,
  checkDisk,
  checkRoom,
  entryFor,
  type FeatureOptions,
} from "../features/features.js";
import { presentRows } from "../features/rows.js";
import { cutOf } from "../features/trunk.js";
import type { Division, Feature, FeatureType } from "../top.js";

/** What becomes of a tensor: it stays; it is trained; as a running statistic, it follows the batches. */
export type Fate = "frozen" | "trained" | "follows";

/** One parameter tensor of the network. */
export interface PlannedTensor {
  readonly name: string;
  readonly shape: Shape;
  /** How many numbers it holds. */
  readonly count: number;
  readonly fate: Fate;
  /** Which side of the cut needs it. */
  readonly side: "trunk" | "top";
}

/** One BatchNorm, and what it normalises by while the rest is trained. */
export interface PlannedNorm {
  /** What its parameters' names begin with; where those say nothing, its node's name. */
  readonly name: string;
  readonly channels: number;
  /** The running statistics, which stay as they are, or each batch's, which the running ones follow. */
  readonly statistics: "running" | "batch";
  readonly affine: "frozen" | "trained";
  /** True for one that is put behind a convolution which has its own folded in. */
  readonly fresh: boolean;
}

/** What computes features. */
export interface PlannedTrunk {
  /** How many there are, for each part of the data. */
  readonly sessions: number;
  /** Pictures a run. */
  readonly batchSize: number;
  /** Of one session, bytes; sessions may share some. */
  readonly weightBytes: number;
}

/** Where the features of one part of the data will be, and what they take. */
export interface PlannedFeatures {
  readonly pictures: number;
  readonly type: FeatureType;
  /** What lies at the cut, with the shape for one picture and the type it is kept as. */
  readonly features: readonly Feature[];
  readonly trunk: PlannedTrunk;
  readonly bytesPerPicture: number;
  readonly bytes: number;
  readonly where: CacheWhere;
  /** Whether they are held in memory too, so that the disk is read once. */
  readonly inMemory: boolean;
  /** Draws of each picture that are kept and take turns; 1 where a picture is always shown alike, or nothing is kept. */
  readonly views: number;
  /** Key and folder on disk of each draw; none where nothing is kept there. */
  readonly entries: readonly { readonly key: string; readonly folder: string }[];
  /** Pictures whose features are there from earlier runs, of all draws. */
  readonly found: number;
  /** Bytes of other features that will have to make room. */
  readonly displaced: number;
  /** Why they do not fit, and what to choose; null where they do. */
  readonly fault: string | null;
}

/** All parameter tensors in the order in which pictures meet them, as a division has them. */
export function plannedTensors(division: Division): PlannedTensor[] {
  const { statistics } = division.training();
  const follow = new Set(
    statistics.flatMap(({ runningMean, runningVariance }) => [runningMean.name, runningVariance.name]),
  );
  const fateOf = (name: string): Fate =>
    division.trained.has(name) ? "trained" : follow.has(name) ? "follows" : "frozen";
  const known = new Map<string, PlannedTensor>();
  for (const side of ["trunk", "top"] as const) {
    for (const { name, shape } of parametersFor(Object.values(division[side].outputs))) {
      const own = known.get(name);
      // What both need stands where it is first met, and is one tensor.
      if (own === undefined) known.set(name, { name, shape, count: elements(shape), fate: fateOf(name), side });
    }
  }
  return [...known.values()];
}

/** All BatchNorms, the first that pictures meet first. */
export function plannedNorms(division: Division): PlannedNorm[] {
  const { unfolded, trained } = division;
  const measured = new Set(division.training().statistics.map(({ runningMean }) => runningMean.name));
  const norms = (graph: Graph) =>
    nodesFor(Object.values(graph.outputs)).filter(({ op }) => op === "BatchNormalization");
  return [...norms(division.trunk), ...norms(division.top)].map(({ name, inputs }) => {
    const [, weight, bias, mean] = inputs;
    const fresh = unfolded !== null && mean!.name === unfolded.names.running_mean;
    return {
      name: fresh ? unfolded.conv.name : (/^(.+)\.weight$/.exec(weight!.name)?.[1] ?? name),
      channels: mean!.shape[0]!,
      statistics: measured.has(mean!.name) ? "batch" : "running",
      affine: trained.has(weight!.name) || trained.has(bias!.name) ? "trained" : "frozen",
      fresh,
    };
  });
}

/** Where features will be, without making any. @param draws - of one source, each as large */
export async function plannedFeatures(draws: readonly FeatureOptions[]): Promise<PlannedFeatures> {
  const first = draws[0]!;
  const { source, type, cache } = first;
  const { where, limitBytes, memoryBytes } = { ...CACHE_DEFAULTS, ...defined(cache) };
  const { features, program, rowBytes, ...running } = cutOf(first);
  const { model, external = [] } = program;
  const weightBytes = external.reduce((sum, { data }) => sum + data.length, 0) + model.length;
  const pictures = source.samples.length;
  const bytes = draws.length * pictures * rowBytes;
  const faults: string[] = [];
  const checked = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      faults.push(error.message);
    }
  };
  checked(() => checkRoom(first, bytes));
  const entries: PlannedFeatures["entries"][number][] = [];
  let [found, displaced] = [0, 0];
  for (const draw of draws) {
    const entry = where === "disk" ? await entryFor(draw, program, rowBytes) : null;
    if (entry === null) break;
    const { key, about, directory } = entry;
    const folder = entryFolder(directory, key);
    entries.push({ key, folder });
    found += await presentRows(folder, pictures);
    const { outdated, free } = await roomFor(key, bytes, limitBytes, directory);
    // A tuning that ends here removes nothing.
    if (faults.length === 0) displaced = outdated.reduce((sum, own) => sum + own.bytes, 0);
    checked(() => checkDisk(directory, about, bytes, free));
  }
  const really = where === "disk" && entries.length === 0 ? "memory" : where;
  return {
    ...{ pictures, type, features, trunk: { ...running, weightBytes }, bytesPerPicture: rowBytes, bytes },
    views: draws.length,
    where: really,
    inMemory: really === "memory" || (really === "disk" && bytes <= memoryBytes),
    ...{ entries, found, displaced, fault: faults[0] ?? null },
  };
}

const defined = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
