import { join, resolve } from "node:path";
import { RequestError } from "../errors.js";
import { makeFolder, writeFileAtomic } from "../files.js";
import { type AbsentFigure, figureSvg, figuresOf } from "./figures/index.js";
import { type FindingsOptions, runFindings } from "./findings/index.js";
import { runPage } from "./pages/run-page.js";
import { svgToPng } from "./png.js";
import { recoloured } from "./theme.js";

export interface ReportOptions extends FindingsOptions {
  /** HTML file to write; `report.html` in the run's folder unless given. */
  readonly out?: string;
  /** Folder for each figure as SVG and PNG, for light and dark grounds; none are written unless given. */
  readonly figures?: string;
}

/** What a report consists of. */
export interface WrittenReport {
  readonly run: string;
  readonly html: string;
  readonly bytes: number;
  readonly figures: readonly { readonly name: string; readonly title: string; readonly files: readonly string[] }[];
  /** Figures that the run has no data for. */
  readonly absent: readonly AbsentFigure[];
  readonly notes: readonly string[];
}

/**
 * Writes a run's report: one HTML file that needs nothing else.
 * @param run - its folder
 * @throws {DataError} where the folder has no record of a run, or a damaged one
 */
export async function writeReport(run: string, options: ReportOptions = {}): Promise<WrittenReport> {
  const found = await runFindings(run, options);
  const { figures, absent } = figuresOf(found);
  const html = options.out ?? join(run, "report.html");
  const text = await runPage(found, figures, absent);
  await writeFileAtomic(html, text);
  const written: WrittenReport["figures"][number][] = [];
  if (options.figures !== undefined) await makeFolder(options.figures);
  for (const figure of figures) {
    const { name, title } = figure;
    const files: string[] = [];
    if (options.figures !== undefined) {
      const light = await figureSvg(figure);
      for (const [suffix, svg] of [
        ["", light],
        ["-dark", recoloured(light, "dark")],
      ] as const) {
        const path = join(options.figures, `${name}${suffix}`);
        await writeFileAtomic(`${path}.svg`, svg);
        await writeFileAtomic(`${path}.png`, await svgToPng(svg));
        files.push(`${path}.svg`, `${path}.png`);
      }
    }
    written.push({ name, title, files });
  }
  return { run, html, bytes: Buffer.byteLength(text), figures: written, absent, notes: found.notes };
}

/** Folders for the figures of several runs, so that none replaces another's. @throws {RequestError} where two would be the same */
export function figureFolders(runs: readonly string[], folder: string): string[] {
  if (runs.length === 1) return [folder];
  const folders = runs.map((run) => join(folder, resolve(run).split(/[\\/]/).at(-1)!));
  const twice = folders.find((one, i) => folders.indexOf(one) < i);
  if (twice !== undefined)
    throw new RequestError(`figures of two runs would go to "${twice}"; report on them one after the other.`);
  return folders;
}
