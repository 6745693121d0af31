import { useEffect, useRef, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { answer, api } from "../api.js";
import { useLoaded } from "../live.js";
import { queryText } from "../text.js";
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
  const url = (figure: string, theme: Theme): string =>
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
            {figure.cells === null ? (
              <picture>
                <source media={DARK} srcset={url(figure.name, "dark")} />
                <img src={url(figure.name, "light")} alt={`${figure.title} of ${name}. ${figure.alt}`} />
              </picture>
            ) : (
              <Matrix url={(theme) => url(figure.name, theme)} pictures={`/runs/${id}/pictures/${figure.cells}`} />
            )}
            {figure.cells !== null && <p class="quiet">Choose a cell to see its pictures.</p>}
            {figure.note !== undefined && <p class="quiet">{figure.note}</p>}
          </figure>
        ))}
      </div>
    </section>
  );
}

type Theme = "light" | "dark";
const DARK = "(prefers-color-scheme: dark)";

/** What the reader's screen is now. */
function useTheme(): Theme {
  const [dark, setDark] = useState(matchMedia(DARK).matches);
  useEffect(() => {
    const query = matchMedia(DARK);
    const change = (): void => setDark(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return dark ? "dark" : "light";
}

/** A matrix whose cells lead to their pictures. An image has no links, so it stands in the page itself. */
function Matrix({
  url,
  pictures,
}: {
  readonly url: (theme: Theme) => string;
  /** The view of the evaluation's pictures. */
  readonly pictures: string;
}) {
  const theme = useTheme();
  const place = useRef<HTMLDivElement>(null);
  const { route } = useLocation();
  const [error, setError] = useState<Error | null>(null);
  const address = url(theme);
  useEffect(() => {
    let current = true;
    const load = async (): Promise<void> => {
      const response = await fetch(address);
      if (!response.ok) throw new Error(`The server answered ${response.status}.`);
      const parsed = new DOMParser().parseFromString(await response.text(), "image/svg+xml").documentElement;
      const svg = document.importNode(parsed, true);
      for (const link of svg.querySelectorAll("a")) {
        const cell = /#cell-(\d+)-(\d+)$/.exec(link.getAttribute("xlink:href") ?? "");
        link.removeAttribute("xlink:href");
        if (cell === null) continue;
        const to = `${pictures}${queryText({ label: cell[1], predicted: cell[2] })}`;
        link.setAttribute("href", to);
        // The router does not know the links of an SVG.
        link.addEventListener("click", (event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          route(to);
        });
      }
      if (current) place.current?.replaceChildren(svg);
    };
    load().then(
      () => current && setError(null),
      (reason: Error) => current && setError(reason),
    );
    return () => {
      current = false;
    };
  }, [address, pictures]);
  return (
    <>
      <Fault error={error} />
      <div ref={place} class="matrix" />
    </>
  );
}
