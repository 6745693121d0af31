/** The thread in which models are opened, looked through and fixed. */
import { FixresError, RequestError, reason } from "../errors.js";
import { evaluateClassifier, modelOf, tuneClassifier } from "../web/tune.js";
import type {
  CallName,
  Calls,
  FixEvent,
  Fixed,
  FixRequest,
  FromWorker,
  LookRequest,
  Slot,
  ToWorker,
} from "./protocol.js";
import { unpackedModels } from "./shipped.js";
import { Viewer, type WasmPaths } from "./viewer.js";

const viewers = new Map<Slot, Viewer>();
const aborts = new Map<number, AbortController>();
/** The demo trains with crops of a quarter of the area and more (demo/recipe.ts). */
const DEMO_CROPS = 0.25;

let wasmPaths: WasmPaths = { wasm: "" };

const post = (message: FromWorker): void => globalThis.postMessage(message);

async function put(slot: Slot, viewer: Viewer) {
  await viewers.get(slot)?.dispose();
  viewers.set(slot, viewer);
  return viewer.card;
}

function viewerOf(slot: Slot): Viewer {
  const viewer = viewers.get(slot);
  if (viewer === undefined) throw new RequestError(`there is no ${slot} model yet; open one.`);
  return viewer;
}

/** Each call, told of events and of being stopped. */
const CALLS: {
  readonly [Name in CallName]: (
    argument: Calls[Name][0],
    told: { readonly signal: AbortSignal; readonly onEvent: (event: FixEvent) => void },
  ) => Promise<Calls[Name][1]>;
} = {
  async shipped(bytes) {
    const { base, fixed } = unpackedModels(bytes);
    return {
      base: await put("base", new Viewer(base, "Fashion-MNIST at 32 px", wasmPaths, DEMO_CROPS)),
      fixed: await put("fixed", new Viewer(fixed, "the same, fixed at 40 px", wasmPaths, DEMO_CROPS)),
    };
  },
  load: async ({ slot, bytes, name }) => put(slot, new Viewer(modelOf(bytes, name), name, wasmPaths)),
  look: ({ slot, ...request }: LookRequest) => viewerOf(slot).look(request),
  async fix({ pictures, options, resolutions }: FixRequest, { signal, onEvent }): Promise<Fixed> {
    const { model, name } = viewerOf("base");
    const engine = { wasmPaths, threads: 1 };
    const tuned = await tuneClassifier(model, pictures, { ...options, ...engine, signal, onEvent });
    const held = tuned.heldOut.map((index) => pictures[index]!);
    for (const [slot, own] of [
      ["base", model],
      ["fixed", tuned.model],
    ] as const) {
      const onRow = (row: Parameters<NonNullable<Parameters<typeof evaluateClassifier>[3]>["onRow"] & object>[0]) =>
        onEvent({ kind: "row", slot, row });
      await evaluateClassifier(own, held, resolutions, { ...engine, signal, onRow });
    }
    const card = await put("fixed", new Viewer(tuned.model, `${name}, fixed here`, wasmPaths));
    const { file, heldOut, seconds } = tuned;
    return { card, file, heldOut: heldOut.length, trained: pictures.length - heldOut.length, seconds };
  },
};

globalThis.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "start") wasmPaths = { wasm: data.wasm };
  if (data.kind === "abort") aborts.get(data.id)?.abort();
  if (data.kind !== "call") return;
  const { id, name, argument } = data;
  const abort = new AbortController();
  aborts.set(id, abort);
  try {
    const told = { signal: abort.signal, onEvent: (event: FixEvent) => post({ kind: "event", id, event }) };
    post({ kind: "result", id, value: await CALLS[name](argument as never, told) });
  } catch (error) {
    const known = error instanceof FixresError || (error instanceof Error && error.name === "FailedError");
    const kind = error instanceof Error || error instanceof DOMException ? error.name : "Error";
    post({ kind: "error", id, name: kind, message: known ? (error as Error).message : reason(error) });
  } finally {
    aborts.delete(id);
  }
};
