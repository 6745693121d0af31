import { fileURLToPath } from "node:url";
import { InvalidArgumentError } from "commander";
import { isLoopback, serveUi } from "../ui/index.js";
import { commandForm } from "./command-forms.js";
import * as cli from "./options.js";

interface Options {
  readonly port: number;
  readonly host: string;
  readonly json?: boolean;
}

const port = (text: string): number => {
  const value = cli.nonNegativeInteger(text);
  if (value > 65_535) throw new InvalidArgumentError("Give a port of 0 to 65535.");
  return value;
};

export const uiCommand = cli
  .command("ui", "Show runs in the browser, live: compare them, look at their pictures, start and stop them.", [
    "fixres ui",
    "fixres ui runs --port 8080",
  ])
  .argument("[folder]", "folder below which runs and models lie", ".")
  .option("--port <n>", "port to listen on; 0 for any that is free", port, 6006)
  .option("--host <address>", "address to bind to; beyond 127.0.0.1 others can reach it", "127.0.0.1")
  .action(async (folder: string, options: Options) => {
    const { progress, signal } = cli.surroundings();
    const [{ trainCommand }, { tuneCommand }, { sweepCommand }, { evalCommand }] = await Promise.all([
      import("./train.js"),
      import("./tune.js"),
      import("./sweep.js"),
      import("./eval.js"),
    ]);
    const commands = [
      commandForm(trainCommand, "out"),
      commandForm(tuneCommand, "out"),
      commandForm(evalCommand, "out"),
      commandForm(sweepCommand, "run"),
    ];
    const [main, site] = ["main.js", "../ui/page"].map((path) => fileURLToPath(new URL(path, import.meta.url)));
    const ui = await serveUi({
      root: folder,
      host: options.host,
      port: options.port,
      main: main!,
      site: site!,
      commands,
    });
    if (!isLoopback(options.host)) {
      progress.note(
        `${options.host} is reached from other machines. Whoever has the token sees all runs below "${folder}" and their pictures, and starts commands of fixres that read and write as you may. Nothing is encrypted: use it in a network that you trust, or through ssh -L.`,
      );
    }
    const { url, runs } = ui;
    cli.print(
      options.json,
      { url, runs },
      () => `${runs} runs below "${folder}"; open\n${url}\nCtrl-C ends it; runs go on.`,
    );
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await ui.close();
  });
