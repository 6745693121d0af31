import { useMemo } from "preact/hooks";
import type { Accuracy, ResolutionRow } from "../../web/tune.js";
import type { Fixed, Slot } from "../protocol.js";
import { LineChart } from "./line-chart.js";

/** How far a fix is. */
export interface FixState {
  readonly phase: "idle" | "running" | "stopped" | "done";
  readonly epochs: number;
  readonly resolution: number;
  readonly trainResolution: number;
  readonly read: { readonly done: number; readonly total: number } | null;
  readonly losses: readonly number[];
  /** Before the first epoch, and after each. */
  readonly accuracies: readonly Accuracy[];
  /** Accuracy at several test resolutions. */
  readonly rows: Readonly<Record<Slot, readonly ResolutionRow[]>>;
  readonly done: Fixed | null;
}

export const NOTHING_YET: FixState = {
  phase: "idle",
  epochs: 0,
  resolution: 0,
  trainResolution: 0,
  read: null,
  losses: [],
  accuracies: [],
  rows: { base: [], fixed: [] },
  done: null,
};

const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;

/** The curve while it grows, and what came of it. */
export function FixOutcome({ state }: { readonly state: FixState }) {
  const { phase, epochs, losses, accuracies, rows, done } = state;
  const url = useMemo(
    () => (done === null ? null : URL.createObjectURL(new Blob([done.file], { type: "application/octet-stream" }))),
    [done],
  );
  if (phase === "idle" && losses.length === 0) return null;
  const curve = (values: readonly number[], first: number) => values.map((value, i) => [i + first, value] as const);
  const at = (slot: Slot) => rows[slot].map(({ resolution, accuracy }) => [resolution, accuracy.top1] as const);
  return (
    <div class="outcome">
      <p role="status">{statusOf(state)}</p>
      {phase === "running" && <progress max={epochs} value={losses.length} aria-label="epochs done" />}
      <div class="charts">
        <LineChart
          title="Training loss"
          x="epoch"
          xDomain={[0, epochs]}
          series={[{ name: "loss", points: curve(losses, 1) }]}
          format={(loss) => loss.toFixed(2)}
        />
        <LineChart
          title="Accuracy on pictures that were held out"
          x="epoch"
          xDomain={[0, epochs]}
          yDomain={[0, 1]}
          series={[
            {
              name: "accuracy",
              points: curve(
                accuracies.map(({ top1 }) => top1),
                0,
              ),
            },
          ]}
          format={percent}
        />
        {rows.base.length > 0 && (
          <LineChart
            title="The same over test resolution"
            x="test resolution, px"
            yDomain={[0, 1]}
            series={[
              { name: "base", points: at("base") },
              { name: "fixed", points: at("fixed") },
            ]}
            format={percent}
          />
        )}
      </div>
      {done && url && (
        <>
          <div class="table">
            <table>
              <caption>Accuracy on {done.heldOut} pictures that were held out (95% intervals)</caption>
              <thead>
                <tr>
                  <th scope="col">test resolution</th>
                  <th scope="col">base</th>
                  <th scope="col">fixed</th>
                </tr>
              </thead>
              <tbody>
                {rows.base.map(({ resolution, accuracy }, i) => (
                  <tr key={resolution}>
                    <th scope="row">
                      {resolution} px{resolution === state.resolution ? ", fixed here" : ""}
                      {resolution === state.trainResolution ? ", trained here" : ""}
                    </th>
                    <td>{withInterval(accuracy)}</td>
                    <td>{withInterval(rows.fixed[i]?.accuracy)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <p class="buttons">
            <a class="button primary" href={url} download={`fixed-${state.resolution}.onnx`}>
              Download the fixed model (ONNX, {(done.file.length / 1e6).toFixed(1)} MB)
            </a>
          </p>
          <p class="caption">
            It is the fixed model above now. <code>fixres</code> and <code>fixres/web</code> open the file.
          </p>
        </>
      )}
    </div>
  );
}

function withInterval(accuracy: Accuracy | undefined): string {
  if (accuracy === undefined) return "";
  const [low, high] = accuracy.ci95;
  return `${percent(accuracy.top1)} (${percent(low)} to ${percent(high)})`;
}

function statusOf({ phase, read, losses, epochs, accuracies, done, rows }: FixState): string {
  const [first, last] = [accuracies[0], accuracies.at(-1)];
  if (phase === "stopped") return "Stopped; the fixed model is as it was.";
  if (phase === "idle") return "It failed; what is wrong stands at the top.";
  if (done && first && last)
    return `Fixed in ${done.seconds.toFixed(1)} s on ${done.trained} pictures: accuracy on the ${done.heldOut} others went from ${percent(first.top1)} to ${percent(last.top1)}.`;
  if (losses.length === epochs && epochs > 0)
    return `Measuring at several test resolutions (${rows.base.length + rows.fixed.length} done) ...`;
  if (losses.length > 0) return `Epoch ${losses.length} of ${epochs} ...`;
  return read ? `Features of picture ${read.done} of ${read.total} ...` : "Reading pictures ...";
}
