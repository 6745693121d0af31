import { useEffect, useRef, useState } from "preact/hooks";
import { useLocation, useRoute } from "preact-iso";
import { answer, api, type PredictionRow, pictureUrl } from "../api.js";
import { useLoaded } from "../live.js";
import { Content, Heading, Pager } from "../parts/parts.js";
import { count, percent, queryText } from "../text.js";

const OUTCOMES = { "": "all", wrong: "wrong", right: "right", top5: "wrong, but among the five" } as const;
const SORTS = {
  "-loss": "largest loss first",
  loss: "smallest loss first",
  "-confidence": "most confident first",
  confidence: "least confident first",
  place: "as in the data",
} as const;
const SIZE = 48;

/** The pictures of an evaluation with what was predicted; a page of rows at a time, whatever their number. */
export function PredictionsView() {
  const { id = "", place = "0" } = useRoute().params;
  const { query, route } = useLocation();
  const { outcome = "", label = "", predicted = "", sort = "-loss", text = "" } = query;
  const page = Number(query.page ?? 0);
  const param = { id, place };
  const evaluation = api.runs[":id"].evaluations[":place"];
  const asked = Object.fromEntries(
    Object.entries({ outcome, label, predicted, sort, text, page: String(page), size: String(SIZE) }).filter(
      ([, value]) => value !== "",
    ),
  );
  const run = useLoaded(id, () => answer(api.runs[":id"].$get({ param: { id } })), [id]);
  const classes = useLoaded(`${id} ${place}`, () => answer(evaluation.classes.$get({ param })), []);
  const rows = useLoaded(
    JSON.stringify([param, asked]),
    () => answer(evaluation.rows.$get({ param, query: asked as never })),
    [],
  );
  const [open, setOpen] = useState<number | null>(null);
  const [typed, setTyped] = useState(text);
  const at = (change: Readonly<Record<string, string | number>>): string =>
    `/runs/${id}/pictures/${place}${queryText({ outcome, label, predicted, text, sort: sort === "-loss" ? "" : sort, ...change })}`;
  useEffect(() => {
    if (typed === text) return;
    const timer = setTimeout(() => route(at({ text: typed, page: 0 }), true), 300);
    return () => clearTimeout(timer);
  });
  const select = (name: string, value: string, words: string, choices: readonly (readonly [string, string])[]) => (
    <label>
      {words}
      <select value={value} onChange={(event) => route(at({ [name]: event.currentTarget.value, page: 0 }), true)}>
        {choices.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
  const list = classes.data?.classes ?? [];
  // A number cannot be empty, so "all" is another word.
  const ofClass = list.map(({ label: index, name, n, right }): [string, string] => [
    String(index),
    `${name} (${right} of ${n} right)`,
  ]);
  const asClass = list.map(({ label: index, name }): [string, string] => [String(index), name]);
  const of = run.data?.evaluations[Number(place)]?.part ?? null;
  const title = `Pictures of ${run.data?.name ?? "a run"}`;
  return (
    <>
      <p class="crumbs">
        <a href="/">Runs</a> / <a href={`/runs/${id}`}>{run.data?.name ?? "run"}</a>
      </p>
      <Heading title={title}>Pictures{of !== null && `: ${of}`}</Heading>
      <search class="filters">
        {select("outcome", outcome, "Outcome", Object.entries(OUTCOMES))}
        {select("label", label, "Class", [["", "all"], ...ofClass])}
        {select("predicted", predicted, "Taken for", [["", "all"], ...asClass])}
        {select("sort", sort, "Order", Object.entries(SORTS))}
        <label>
          Name has
          <input type="search" value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
        </label>
      </search>
      <Content of={rows}>
        {({ rows: shown, total }) => (
          <>
            <p role="status">
              {count(total)} {total === 1 ? "picture" : "pictures"}
            </p>
            <ul class="gallery">
              {shown.map((row, i) => (
                <li key={row.row}>
                  <button type="button" class="tile" onClick={() => setOpen(i)}>
                    <img
                      src={pictureUrl(id, Number(place), row.row, "thumbnail")}
                      alt=""
                      width="160"
                      height="160"
                      loading="lazy"
                    />
                    <Verdict row={row} />
                  </button>
                </li>
              ))}
            </ul>
            <Pager {...{ page, size: SIZE, total }} label="Pages of pictures" href={(to) => at({ page: to })} />
            {open !== null && shown[open] !== undefined && (
              <Large
                row={shown[open]}
                url={pictureUrl(id, Number(place), shown[open].row, "full")}
                move={(by) => setOpen(Math.min(shown.length - 1, Math.max(0, open + by)))}
                close={() => setOpen(null)}
              />
            )}
          </>
        )}
      </Content>
    </>
  );
}

const Verdict = ({ row }: { readonly row: PredictionRow }) => (
  <span class="verdict">
    <span class={row.correct ? "right" : "wrong"}>
      <span aria-hidden="true">{row.correct ? "✓" : "✕"}</span>
      <span class="hidden">{row.correct ? "right: " : "wrong: "}</span> {row.predictedName}
    </span>
    {!row.correct && row.labelName !== null && <span class="quiet">is {row.labelName}</span>}
    <span class="quiet">
      {percent(row.probability)}, loss {row.loss.toFixed(2)}
    </span>
  </span>
);

/** One picture, large. Arrows go to its neighbours, Escape back. */
function Large({
  row,
  url,
  move,
  close,
}: {
  readonly row: PredictionRow;
  readonly url: string;
  readonly move: (by: number) => void;
  readonly close: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class="viewer"
      aria-label={row.id}
      onClose={close}
      onKeyDown={(event) => {
        if (event.key === "ArrowRight") move(1);
        if (event.key === "ArrowLeft") move(-1);
      }}
    >
      <img src={url} alt={row.labelName === null ? row.id : `A picture of the class ${row.labelName}`} />
      <p class="clip">{row.id}</p>
      <p class="line">
        <Verdict row={row} />
      </p>
      <div class="bar">
        <button type="button" onClick={() => move(-1)}>
          Previous
        </button>
        <button type="button" onClick={() => move(1)}>
          Next
        </button>
        <button type="button" class="push" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}
