import { useRef, useState } from "preact/hooks";
import { type Client, WorkerError } from "../client.js";
import { chosenSet, type Example, type PictureSet } from "../pictures.js";
import type { FixEvent, Fixed, ModelCard } from "../protocol.js";
import { measuredResolutions } from "../resolutions.js";
import { FileButton } from "./file-button.js";
import { FixOutcome, type FixState, NOTHING_YET } from "./fix-outcome.js";

interface FixPanelProps {
  readonly client: Client;
  readonly base: ModelCard;
  readonly resolution: number;
  readonly examples: readonly Example[];
  /** The visitor's pictures. */
  readonly set: PictureSet | null;
  readonly setSet: (set: PictureSet) => void;
  readonly fixed: (card: ModelCard) => void;
  readonly failed: (error: unknown) => void;
}

const MODES = {
  "classifier+bn": "the classifier and the last BatchNorm (the papers)",
  classifier: "the classifier alone",
} as const;

/** The fix in the page: a folder of labelled pictures, a live curve, and the result as a file. */
export function FixPanel({ client, base, resolution, examples, set, setSet, fixed, failed }: FixPanelProps) {
  const [mode, setMode] = useState<keyof typeof MODES>("classifier+bn");
  const [epochs, setEpochs] = useState(30);
  const [state, setState] = useState<FixState>(NOTHING_YET);
  const abort = useRef<AbortController | null>(null);
  const counts = new Map<string, number>();
  for (const { class: own } of set?.pictures ?? []) counts.set(own, (counts.get(own) ?? 0) + 1);
  const busy = state.phase === "running";

  const start = async () => {
    if (set === null) return;
    abort.current = new AbortController();
    setState({ ...NOTHING_YET, phase: "running", epochs, resolution, trainResolution: base.trainResolution });
    const onEvent = (event: FixEvent) => setState((now) => after(now, event));
    try {
      const options = { mode, resolution, epochs };
      const resolutions = measuredResolutions(base, resolution);
      const request = { pictures: set.pictures, options, resolutions };
      const done: Fixed = await client.call("fix", request, { signal: abort.current.signal, onEvent });
      setState((now) => ({ ...now, phase: "done", done }));
      fixed(done.card);
    } catch (error) {
      const stopped = error instanceof WorkerError && error.kind === "AbortError";
      setState((now) => ({ ...now, phase: stopped ? "stopped" : "idle" }));
      if (!stopped) failed(error);
    }
  };
  return (
    <section aria-labelledby="fix">
      <h2 id="fix">4. Fix it here</h2>
      <p>
        Give a folder that holds a folder of pictures for each class: drop it on this page, or choose it. A fifth of the
        pictures is held out, to measure; on the others the last layers of the base model are tuned at the test
        resolution of the slider above, in this page.
      </p>
      <p class="buttons">
        <FileButton label="Choose a folder" folder onFiles={(files) => setSet(chosenSet(files))} />
        <button
          type="button"
          disabled={examples.length === 0}
          onClick={() =>
            setSet({
              name: "the example pictures",
              pictures: examples.map(({ class: own, pixels }) => ({ class: own, source: pixels })),
              skipped: 0,
            })
          }
        >
          Take {examples.length} example pictures
        </button>
      </p>
      {set && (
        <p class="caption" data-testid="set">
          {set.name}: {set.pictures.length} pictures of {counts.size} classes (
          {[...counts]
            .slice(0, 8)
            .map(([own, count]) => `${own} ${count}`)
            .join(", ")}
          {counts.size > 8 ? ", ..." : ""}){set.skipped > 0 && `; ${set.skipped} other files are left out`}
        </p>
      )}
      {set && [...counts.keys()].some((own) => !base.classes.includes(own)) && (
        <p class="caption">These are not all classes of the base model, so it gets a fresh classifier for them.</p>
      )}
      <div class="fields">
        <label class="field">
          what is tuned
          <select
            value={mode}
            disabled={busy}
            onChange={({ currentTarget }) => setMode(currentTarget.value as typeof mode)}
          >
            {Object.entries(MODES).map(([name, summary]) => (
              <option key={name} value={name}>
                {summary}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          epochs
          <input
            type="number"
            min="1"
            max="500"
            value={epochs}
            disabled={busy}
            onInput={({ currentTarget }) => setEpochs(Number(currentTarget.value))}
          />
        </label>
      </div>
      <p class="buttons">
        <button
          type="button"
          class="primary"
          disabled={busy || !set || set.pictures.length === 0}
          onClick={() => void start()}
        >
          Fix at {resolution} px
        </button>
        <button type="button" disabled={!busy} onClick={() => abort.current?.abort()}>
          Stop
        </button>
      </p>
      <FixOutcome state={state} />
    </section>
  );
}

/** What an event changes. */
function after(state: FixState, event: FixEvent): FixState {
  switch (event.kind) {
    case "picture":
      return { ...state, read: event };
    case "evaluated":
      return event.when === "before" ? { ...state, accuracies: [event.accuracy] } : state;
    case "epoch":
      return { ...state, losses: [...state.losses, event.loss], accuracies: [...state.accuracies, event.accuracy] };
    case "row":
      return { ...state, rows: { ...state.rows, [event.slot]: [...state.rows[event.slot], event.row] } };
    default:
      return event satisfies never;
  }
}
