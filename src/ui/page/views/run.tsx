import { useState } from "preact/hooks";
import { useRoute } from "preact-iso";
import { answer, api, type Refusal, type RunDetails } from "../api.js";
import { useLoaded } from "../live.js";
import { Figures } from "../parts/figures.js";
import { Content, Fault, Heading, ProgressBar, Scroll, Status } from "../parts/parts.js";
import { percent, points, pValue, shown, span, when } from "../text.js";

/** One run: what it is at and came to, its figures, epochs, settings and words. */
export function RunView() {
  const { id = "" } = useRoute().params;
  const loaded = useLoaded(id, () => answer(api.runs[":id"].$get({ param: { id } })), [id]);
  return <Content of={loaded}>{(run) => <Run key={id} run={run} reload={loaded.reload} />}</Content>;
}

function Run({ run, reload }: { readonly run: RunDetails; readonly reload: () => void }) {
  const { name, summary, record, evaluations, started, log } = run;
  const last = evaluations.length - 1;
  return (
    <>
      <p class="crumbs">
        <a href="/">Runs</a>
      </p>
      <Heading title={name}>{name}</Heading>
      <div class="bar">
        {summary !== null && <Status status={summary.status} />}
        {summary === null && (
          <span role="status">{started?.status === "running" ? "starting …" : "did not start"}</span>
        )}
        {record !== null && (
          <span class="quiet">
            {record.kind}, started {when(record.started)}, {record.ended === null ? "for" : "took"} {span(record)}
          </span>
        )}
        <Control run={run} reload={reload} />
      </div>
      {record?.progress && <ProgressBar progress={record.progress} />}
      {record?.error && <Fault error={new Error(record.error)} />}
      {record === null && started?.status === "ended" && started.code !== 0 && (
        <Fault error={new Error(lastLine(log))} />
      )}
      {evaluations.length > 0 && (
        <section aria-labelledby="evaluations">
          <h2 id="evaluations">Predictions</h2>
          <ul class="cards">
            {evaluations.map(({ part, n, top1, top5, loss }, place) => (
              <li key={part} class="card">
                <h3>
                  <a href={`/runs/${run.id}/pictures/${place}`}>{part ?? "All pictures"}</a>
                </h3>
                <dl class="facts">
                  <Fact name="top-1" value={percent(top1)} />
                  <Fact name="top-5" value={percent(top5)} />
                  <Fact name="loss" value={loss.toFixed(3)} />
                  <Fact name="pictures" value={n.toLocaleString("en")} />
                </dl>
              </li>
            ))}
          </ul>
          {last > 0 && <p class="quiet">Open one to see its pictures, the worst losses first.</p>}
        </section>
      )}
      {record !== null && <Figures id={run.id} name={name} version={calmVersion(record)} />}
      {record !== null && <Result result={record.result} />}
      {record !== null && record.epochs.length > 0 && <Epochs epochs={record.epochs} />}
      {record !== null && <Settings record={record} />}
      {log !== null && (
        <section aria-labelledby="log">
          <h2 id="log">Log</h2>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reached by keyboard */}
          <pre class="log" tabIndex={0}>
            {log}
          </pre>
        </section>
      )}
    </>
  );
}

/** Changes with the run, though of one under way at most every five seconds: its figures need not be drawn each second. */
const calmVersion = ({ status, updated }: Record): string =>
  status === "running" ? String(Math.floor(Date.parse(updated) / 5000)) : `${status} ${updated}`;

const lastLine = (log: string | null): string =>
  log
    ?.trim()
    .split("\n")
    .at(-1)
    ?.replace(/^fixres: /, "") ?? "It ended without a word.";

const Fact = ({ name, value }: { readonly name: string; readonly value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);

/** Stop and go on. */
function Control({ run, reload }: { readonly run: RunDetails; readonly reload: () => void }) {
  const [error, setError] = useState<Refusal | null>(null);
  const [busy, setBusy] = useState(false);
  const { id, summary, started } = run;
  const isRunning = summary?.status === "running" || started?.status === "running";
  const act = async (what: "stop" | "resume"): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await answer<unknown>(api.runs[":id"][what].$post({ param: { id }, json: {} }));
      reload();
    } catch (refusal) {
      setError(refusal as Refusal);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <span class="push">
        {isRunning && (
          <button type="button" class="danger" disabled={busy} onClick={() => act("stop")}>
            Stop
          </button>
        )}
        {!isRunning && summary !== null && summary.status !== "done" && (
          <button type="button" disabled={busy} onClick={() => act("resume")}>
            Go on
          </button>
        )}
      </span>
      <Fault error={error} />
    </>
  );
}

type Result = NonNullable<RunDetails["record"]>["result"];

/** The numbers of a result; what is nested is in the figures. */
function Result({ result }: { readonly result: Result }) {
  const plain = Object.entries(result ?? {}).filter(
    ([, value]) => value !== null && (typeof value !== "object" || isInterval(value)),
  );
  if (plain.length === 0) return null;
  return (
    <section aria-labelledby="result">
      <h2 id="result">Result</h2>
      <dl class="facts">
        {plain.map(([name, value]) => (
          <Fact key={name} name={name} value={measured(name, value, result)} />
        ))}
      </dl>
    </section>
  );
}

const isInterval = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === "number");

/** A result as people read it, by what it is called. */
function measured(name: string, value: unknown, result: Result): string {
  // Of a gain where there is one, else of an accuracy.
  if (Array.isArray(value) && name === "ci95" && typeof result?.gain === "number")
    return value
      .map((one) => points(Number(one)).replace(" points", ""))
      .join(" to ")
      .concat(" points");
  if (Array.isArray(value) && name === "ci95") return value.map((one) => percent(Number(one))).join(" to ");
  if (typeof value !== "number") return shown(value);
  if (name === "gain") return points(value);
  if (name === "pValue") return pValue(value).replace("p = ", "");
  if (["top1", "top5", "before", "after", "ece"].includes(name)) return percent(value);
  return shown(Number(value.toPrecision(4)));
}

type Record = NonNullable<RunDetails["record"]>;

function Epochs({ epochs }: Pick<Record, "epochs">) {
  const names = [...new Set(epochs.flatMap((epoch) => Object.keys(epoch)))].filter((name) => name !== "epoch");
  return (
    <section aria-labelledby="epochs">
      <h2 id="epochs">Epochs</h2>
      <Scroll by="epochs">
        <table>
          <thead>
            <tr>
              <th scope="col">epoch</th>
              {names.map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {epochs.toReversed().map((epoch) => (
              <tr key={epoch.epoch}>
                <th scope="row">{epoch.epoch}</th>
                {names.map((name) => (
                  <td key={name} class="number">
                    {cell(name, epoch[name])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

const cell = (name: string, value: number | null | undefined): string =>
  typeof value === "number" && /top[15]/i.test(name)
    ? percent(value)
    : typeof value === "number"
      ? shown(Number(value.toPrecision(4)))
      : "–";

function Settings({ record }: { readonly record: Record }) {
  const [filter, setFilter] = useState("");
  const rows = Object.entries(record.settings).filter(([name]) => name.toLowerCase().includes(filter.toLowerCase()));
  const { argv, cwd, version, host, pid } = record;
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">Settings</h2>
      <details>
        <summary>{Object.keys(record.settings).length} resolved settings, and how it was started</summary>
        <p>
          <code class="command">fixres {argv.join(" ")}</code>
        </p>
        <p class="quiet">
          In {cwd}, by fixres {version}, on {host}, process {pid}.
        </p>
        <label>
          Find a setting
          <input type="search" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
        </label>
        <table class="settings">
          <thead>
            <tr>
              <th scope="col">setting</th>
              <th scope="col">value</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{shown(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  );
}
