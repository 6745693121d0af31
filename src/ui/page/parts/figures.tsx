import { answer, api } from "../api.js";
import { useLoaded } from "../live.js";
import { Fault } from "./parts.js";

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
  const { data, error } = useLoaded(
    `${id} ${version}`,
    () => answer(api.runs[":id"].figures.$get({ param: { id } })),
    [],
  );
  if (error !== null && data === null) return <Fault error={error} />;
  if (data?.figures.length === 0) return null;
  const url = (figure: string, theme: "light" | "dark"): string =>
    api.runs[":id"].figures[":figure"].$url({ param: { id, figure }, query: { theme, version } }).toString();
  return (
    <section aria-labelledby="figures">
      <h2 id="figures">Figures</h2>
      {data === null && <p class="quiet">Drawing …</p>}
      <div class="figures">
        {data?.figures.map((figure) => (
          <figure key={figure.name}>
            <figcaption>
              <strong>{figure.title}</strong> {figure.subtitle}
            </figcaption>
            <picture>
              <source media="(prefers-color-scheme: dark)" srcset={url(figure.name, "dark")} />
              <img src={url(figure.name, "light")} alt={`${figure.title} of ${name}. ${figure.alt}`} />
            </picture>
          </figure>
        ))}
      </div>
    </section>
  );
}
