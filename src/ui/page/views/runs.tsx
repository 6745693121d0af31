import { useEffect, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { answer, api, type RunSummary } from "../api.js";
import { useLoaded } from "../live.js";
import { Content, Heading, Pager, ProgressBar, Status } from "../parts/parts.js";
import { count, percent, queryText, span, when } from "../text.js";

const KINDS = ["train", "tune", "sweep", "eval", "compare"] as const;
const STATUSES = ["running", "done", "failed", "stopped"] as const;
const SORTS = {
  "-started": "newest first",
  started: "oldest first",
  name: "by name",
  "-top1": "best top-1 first",
  top1: "worst top-1 first",
} as const;
const SIZE = 50;

/** Most runs that can be compared. */
const MOST = 8;

/** All runs: filtered, sorted, chosen to be compared. */
export function RunsView() {
  const { query, route } = useLocation();
  const { text = "", kind = "", status = "", sort = "-started" } = query;
  const page = Number(query.page ?? 0);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [typed, setTyped] = useState(text);
  const at = (change: Readonly<Record<string, string | number>>): string =>
    `/${queryText({ text, kind, status, sort: sort === "-started" ? "" : sort, ...change })}`;
  useEffect(() => {
    if (typed === text) return;
    const timer = setTimeout(() => route(at({ text: typed, page: 0 }), true), 250);
    return () => clearTimeout(timer);
  });
  const asked = Object.fromEntries(
    Object.entries({ text, kind, status, sort, page: String(page), size: String(SIZE) }).filter(
      ([, value]) => value !== "",
    ),
  );
  const loaded = useLoaded(JSON.stringify(asked), () => answer(api.runs.$get({ query: asked as never })));
  const toggle = (id: string): void =>
    setChosen(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id].slice(-MOST));
  const select = (name: string, value: string, label: string, choices: readonly (readonly [string, string])[]) => (
    <label>
      {label}
      <select value={value} onChange={(event) => route(at({ [name]: event.currentTarget.value, page: 0 }), true)}>
        {choices.map(([key, words]) => (
          <option key={key} value={key}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <>
      <Heading title="Runs">Runs</Heading>
      <search class="filters">
        <label class="wide">
          Search
          <input
            type="search"
            value={typed}
            placeholder="name, or setting=value"
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        {select("kind", kind, "Kind", [["", "all"], ...KINDS.map((name) => [name, name] as const)])}
        {select("status", status, "Status", [["", "all"], ...STATUSES.map((name) => [name, name] as const)])}
        {select("sort", sort, "Order", Object.entries(SORTS))}
      </search>
      <Content of={loaded}>
        {({ runs, total, all }) => (
          <>
            <div class="bar">
              <span role="status">
                {total === all ? `${count(all)} runs` : `${count(total)} of ${count(all)} runs`}
              </span>
              {chosen.length > 0 && (
                <>
                  <span class="push">{chosen.length} chosen</span>
                  {chosen.length > 1 && (
                    <a class="button main" href={`/compare?runs=${chosen.join(",")}`}>
                      Compare
                    </a>
                  )}
                  <button type="button" onClick={() => setChosen([])}>
                    Clear
                  </button>
                </>
              )}
            </div>
            {runs.length === 0 ? <Nothing filtered={all > 0} /> : <RunTable {...{ runs, chosen, toggle }} />}
            <Pager {...{ page, size: SIZE, total }} label="Pages of runs" href={(to) => at({ page: to })} />
          </>
        )}
      </Content>
    </>
  );
}

const Nothing = ({ filtered }: { readonly filtered: boolean }) =>
  filtered ? (
    <p class="empty">No run is like that.</p>
  ) : (
    <p class="empty">
      There are no runs here yet. <a href="/start">Start one</a>, or give <code>fixres ui</code> the folder that they
      lie in.
    </p>
  );

function RunTable({
  runs,
  chosen,
  toggle,
}: {
  readonly runs: readonly RunSummary[];
  readonly chosen: readonly string[];
  readonly toggle: (id: string) => void;
}) {
  return (
    <table class="runs">
      <caption class="hidden">Runs</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="hidden">Compare</span>
          </th>
          <th scope="col">Run</th>
          <th scope="col">Kind</th>
          <th scope="col">Status</th>
          <th scope="col">Network</th>
          <th scope="col" class="number">
            Top-1
          </th>
          <th scope="col">Started</th>
          <th scope="col">Took</th>
        </tr>
      </thead>
      <tbody>
        {runs.map((run) => (
          <tr key={run.id} class={chosen.includes(run.id) ? "chosen" : undefined}>
            <td class="choose">
              <input
                type="checkbox"
                checked={chosen.includes(run.id)}
                aria-label={`Compare ${run.name}`}
                onChange={() => toggle(run.id)}
              />
            </td>
            <th scope="row">
              <a href={`/runs/${run.id}`}>{run.name}</a>
              {run.status === "running" && run.progress !== null && <ProgressBar progress={run.progress} />}
              {run.error !== null && <small class="quiet clip">{run.error}</small>}
            </th>
            <td>{run.kind}</td>
            <td>
              <Status status={run.status} />
            </td>
            <td class="quiet">{run.arch ?? "–"}</td>
            <td class="number">{run.top1 === null ? "–" : percent(run.top1)}</td>
            <td class="quiet">
              <time dateTime={run.started}>{when(run.started)}</time>
            </td>
            <td class="quiet">{span(run)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
