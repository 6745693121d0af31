/*
 * What a session carries from run to run, where it lies. In ordinary memory it is there twice: what a run reads, and what it writes; the
 * two change places. On a GPU, where the binding can leave a result and take it again, each run's results are the next one's inputs.
 */
import type { InferenceSession, Tensor } from "onnxruntime-node";

type Tensors = Record<string, Tensor>;

export interface Carried {
  /** What the next run reads, by the names of its inputs. */
  readonly feeds: Readonly<Tensors>;
  /** Where the next run writes, by the names of its outputs; null for memory of the engine's own. */
  readonly fetches: Readonly<Record<string, Tensor | null>>;
  /** Takes what a run gave in place of what it read. */
  advance(results: Readonly<Tensors>): void;
  /** @param make - a new tensor of the value, at each call */
  set(name: string, make: () => Tensor): void;
  /** All of it in ordinary memory. */
  read(): Promise<Readonly<Tensors>>;
  dispose(): Promise<void>;
}

/**
 * @param names - input to output that replaces it
 * @param reuses - whether a run writes into tensors that it is given; else its results are new ones, and become what the next run reads
 */
export function inMemory(names: Readonly<Record<string, string>>, reuses: boolean): Carried {
  let [state, next]: [Tensors, Tensors] = [{}, {}];
  return {
    get feeds() {
      return state;
    },
    get fetches() {
      return Object.fromEntries(Object.entries(names).map(([input, output]) => [output, next[input] ?? null]));
    },
    advance(results) {
      if (reuses) [state, next] = [next, state];
      else for (const [input, output] of Object.entries(names)) state[input] = results[output]!;
    },
    set(name, make) {
      state[name] = make();
      if (reuses) next[name] = make();
    },
    read: async () => state,
    dispose: async () => {},
  };
}

/**
 * On the GPU, for a session whose outputs of `names` stay there (`preferredOutputLocation`).
 * @param reader - a session from the inputs to the outputs of `names` as they are, in ordinary memory: a tensor's own `getData` ends the process
 * (onnxruntime-node 1.30: "terminate called after throwing an instance of 'char const*'")
 */
export function onGpu(names: Readonly<Record<string, string>>, reader: InferenceSession): Carried {
  let state: Tensors = {};
  /** Frees what lies on the GPU; what was set lies in ordinary memory until a run has replaced it. */
  const free = (old: Tensor | undefined): void => {
    if (old?.location === "gpu-buffer") old.dispose();
  };
  return {
    get feeds() {
      return state;
    },
    fetches: Object.fromEntries(Object.values(names).map((output) => [output, null])),
    advance(results) {
      const old = state;
      state = Object.fromEntries(Object.entries(names).map(([input, output]) => [input, results[output]!]));
      Object.values(old).forEach(free);
    },
    set(name, make) {
      free(state[name]);
      state[name] = make();
    },
    async read() {
      const results = (await reader.run(state)) as Tensors;
      return Object.fromEntries(Object.entries(names).map(([input, output]) => [input, results[output]!]));
    },
    async dispose() {
      Object.values(state).forEach(free);
      await reader.release();
    },
  };
}
