import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { answer, api, type Tests } from "../api.js";
import { useLoaded } from "../live.js";
import { Content, Heading, Scroll, Status } from "../parts/parts.js";
import { percent, points, pValue, shown } from "../text.js";

/** Runs beside each other: what they came to, whether that differs, and what was set differently. */
export function CompareView() {
  const { runs: asked = "" } = useLocation().query;
  const ids = asked.split(",").filter(Boolean);
  const loaded = useLoaded(asked, () => answer(api.compare.$get({ query: { runs: asked as never } })), ids);
  const tests = useLoaded(asked, () => answer(api.compare.tests.$get({ query: { runs: asked as never } })), ids);
  const [all, setAll] = useState(false);
  return (
    <>
      <p class="crumbs">
        <a href="/">Runs</a>
      </p>
      <Heading title="Comparison">Comparison</Heading>
      <Content of={loaded}>
        {({ runs, settings }) => {
          const rows = settings.filter(({ differs }) => all || differs);
          return (
            <>
              <ul class="cards">
                {runs.map((run) => (
                  <li key={run.id} class="card">
                    <h2>
                      <a href={`/runs/${run.id}`}>{run.name}</a>
                    </h2>
                    <p>
                      <Status status={run.status} /> {run.kind}
                    </p>
                    <p class="large">{run.top1 === null ? "–" : percent(run.top1)}</p>
                    <p class="quiet">top-1</p>
                  </li>
                ))}
              </ul>
              <section aria-labelledby="tests">
                <h2 id="tests">Paired tests</h2>
                <Content of={tests}>{(found) => <TestTable tests={found} />}</Content>
              </section>
              <section aria-labelledby="differences">
                <h2 id="differences">Settings</h2>
                <label class="check">
                  <input type="checkbox" checked={all} onChange={() => setAll(!all)} /> also those that are the same (
                  {settings.filter(({ differs }) => !differs).length})
                </label>
                {rows.length === 0 ? (
                  <p class="empty">All settings are the same.</p>
                ) : (
                  <Scroll by="differences">
                    <table class="settings">
                      <thead>
                        <tr>
                          <th scope="col">setting</th>
                          {runs.map(({ id, name }) => (
                            <th key={id} scope="col">
                              {name}
                            </th>
                          ))}
                        </tr>
                      </thead>
                      <tbody>
                        {rows.map(({ name, values, differs }) => (
                          <tr key={name} class={differs && all ? "differs" : undefined}>
                            <th scope="row">{name}</th>
                            {runs.map(({ id }, i) => (
                              <td key={id}>{shown(values[i])}</td>
                            ))}
                          </tr>
                        ))}
                      </tbody>
                    </table>
                  </Scroll>
                )}
              </section>
            </>
          );
        }}
      </Content>
    </>
  );
}

function TestTable({ tests: { comparison, without } }: { readonly tests: Tests }) {
  if (comparison === null) {
    return (
      <p class="quiet">
        Tests want two runs with a row a picture, such as <code>fixres eval --out</code> and <code>fixres tune</code>{" "}
        leave.
        {without.length > 0 && ` Without: ${without.join(", ")}.`}
      </p>
    );
  }
  const interval = ([low, high]: readonly number[]): string =>
    `${points(low!).replace(" points", "")} to ${points(high!)}`;
  return (
    <>
      <p class="quiet">
        {comparison.n.toLocaleString("en")} pictures that all of them scored; top-1 by McNemar's exact test, p-values by
        Holm's method.
        {without.length > 0 && ` Without a row a picture: ${without.join(", ")}.`}
      </p>
      <Scroll by="tests">
        <table>
          <thead>
            <tr>
              <th scope="col">from</th>
              <th scope="col">to</th>
              <th scope="col" class="number">
                top-1
              </th>
              <th scope="col">95 % interval</th>
              <th scope="col">test</th>
              <th scope="col" class="number">
                loss
              </th>
            </tr>
          </thead>
          <tbody>
            {comparison.pairs.map(({ first, second, top1, loss }) => (
              <tr key={`${first} ${second}`}>
                <td>{first}</td>
                <th scope="row">{second}</th>
                <td class="number">{points(top1.gain)}</td>
                <td>{interval(top1.ci95)}</td>
                <td>
                  {pValue(top1.adjusted)}
                  {top1.adjusted < 0.05 ? ", differs" : ", may be chance"}
                </td>
                <td class="number">
                  {loss.difference >= 0 ? "+" : "−"}
                  {Math.abs(loss.difference).toFixed(3)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {comparison.notes.map((note) => (
        <p key={note} class="quiet">
          {note}
        </p>
      ))}
    </>
  );
}
