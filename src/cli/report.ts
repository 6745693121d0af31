import { RequestError } from "../errors.js";
import { figureFolders, type WrittenReport, writeReport } from "../report/index.js";
import * as cli from "./options.js";

interface Options {
  readonly out?: string;
  readonly figures?: string;
  readonly data?: string;
  readonly pictures: boolean;
  readonly json?: boolean;
}

export const reportCommand = cli
  .command("report", "Make one HTML file of a run, which needs nothing else to be read (docs/REPORTS.md).", [
    "fixres report runs/b0",
    "fixres report models/b0-fixed --figures figures",
    "fixres report evaluations/b0 --out b0.html --data /mnt/pictures",
  ])
  .argument("<runs...>", "folders that train, tune, eval, or sweep and compare with --run, have left")
  .option("--out <file>", "HTML file to write (default: report.html in the run's folder)")
  .option("--figures <dir>", "write each figure there too, as SVG and PNG, for light and dark grounds")
  .option("--data <path>", "where the run's pictures are now (default: as when it ran)")
  .option("--no-pictures", "read no pictures: no thumbnails, no sizes of objects")
  .action(async (runs: string[], { json, out, figures, data, pictures }: Options) => {
    if (runs.length > 1 && out !== undefined)
      throw new RequestError(`--out names one file, but there are ${runs.length} runs; leave it out, or give one run.`);
    const folders = figures === undefined ? [] : figureFolders(runs, figures);
    const written: WrittenReport[] = [];
    for (const [i, run] of runs.entries())
      written.push(await writeReport(run, { out, data, pictures, figures: folders[i] }));
    cli.print(json, { reports: written }, () => written.map(told).join("\n"));
  });

const told = ({ html, bytes, figures, absent, notes }: WrittenReport): string =>
  [
    `${html}: ${figures.length} figures, ${(bytes / 1e6).toFixed(2)} MB`,
    ...absent.map(({ title, why }) => `  left out: ${title}: ${why}`),
    ...notes.map((note) => `  ${note}`),
  ].join("\n");
