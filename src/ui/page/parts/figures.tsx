import { answer, api } from "../api.js";
import { useLoaded } from "../live.js";

/** The figures of a run, which the server draws: no plotting is in the page. */
export function Figures({
  id,
  name,
  version,
}: {
  readonly id: string;
  readonly name: string;
  readonly version: string;
}) {
  const { data } = useLoaded(`${id} ${version}`, () => answer(api.runs[":id"].figures.$get({ param: { id } })), []);
  if (data === null || data.figures.length === 0) return null;
  const url = (figure: string, theme: "light" | "dark"): string =>
    api.runs[":id"].figures[":figure"].$url({ param: { id, figure }, query: { theme, version } }).toString();
  return (
    <section aria-labelledby="figures">
      <h2 id="figures">Figures</h2>
      <div class="figures">
        {data.figures.map((figure) => (
          <figure key={figure.name}>
            <picture>
              <source media="(prefers-color-scheme: dark)" srcset={url(figure.name, "dark")} />
              <img src={url(figure.name, "light")} alt={`${figure.title} of ${name}. ${figure.description}`} />
            </picture>
            <figcaption>{figure.title}</figcaption>
          </figure>
        ))}
      </div>
    </section>
  );
}
