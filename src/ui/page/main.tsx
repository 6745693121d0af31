import { render } from "preact";
import { ErrorBoundary, LocationProvider, Route, Router, useLocation } from "preact-iso";
import { listen, useConnected } from "./live.js";
import "./style/base.css";
import "./style/frame.css";
import "./style/controls.css";
import "./style/tables.css";
import "./style/parts.css";
import "./style/narrow.css";
import { CompareView } from "./views/compare.js";
import { PredictView } from "./views/predict.js";
import { PredictionsView } from "./views/predictions.js";
import { RunView } from "./views/run.js";
import { RunsView } from "./views/runs.js";
import { StartView } from "./views/start.js";

const PLACES = [
  { href: "/", text: "Runs" },
  { href: "/start", text: "Start a run" },
  { href: "/predict", text: "Try a model" },
];

function Header() {
  const { path } = useLocation();
  const connected = useConnected();
  return (
    <header>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <a class="brand" href="/">
        <img src="/icon.svg" alt="" width="22" height="22" /> fixres
      </a>
      <nav aria-label="Main">
        {PLACES.map(({ href, text }) => (
          <a key={href} href={href} aria-current={path === href ? "page" : undefined}>
            {text}
          </a>
        ))}
      </nav>
      <span class={`connection ${connected ? "on" : "off"}`} role="status">
        {connected ? "live" : "server away, reconnecting …"}
      </span>
    </header>
  );
}

const NotFound = () => (
  <p>
    There is no such page. <a href="/">To the runs</a>
  </p>
);

const App = () => (
  <LocationProvider>
    <ErrorBoundary>
      <Header />
      <main id="main">
        <Router>
          <Route path="/" component={RunsView} />
          <Route path="/runs/:id" component={RunView} />
          <Route path="/runs/:id/pictures/:place" component={PredictionsView} />
          <Route path="/compare" component={CompareView} />
          <Route path="/start" component={StartView} />
          <Route path="/predict" component={PredictView} />
          <Route default component={NotFound} />
        </Router>
      </main>
    </ErrorBoundary>
  </LocationProvider>
);

render(<App />, document.getElementById("app")!);
listen();
