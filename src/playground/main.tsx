import { render } from "preact";
import { App } from "./app.js";
import { Client } from "./client.js";
import "./style.css";

const client = new Client(new URL("ort-wasm-simd-threaded.wasm", document.baseURI).href);
render(<App client={client} />, document.querySelector("#app")!);
