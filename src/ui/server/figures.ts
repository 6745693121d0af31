import { join } from "node:path";
import {
  type Figure,
  figureSvg,
  figuresOf,
  hasCells,
  mainEvaluation,
  type RunRecord,
  runFindings,
} from "../../report/index.js";
import { inTurn } from "./compute.js";
import { absentOrWithin } from "./contain.js";

/** Runs whose figures are kept. */
const KEPT = 32;

/** A figure, and its drawings so far. */
export interface DrawnFigure extends Pick<Figure, "name" | "title" | "subtitle" | "alt" | "note"> {
  /** Of a figure whose cells lead to pictures: the folder of the evaluation that has them. */
  readonly cells: string | null;
  draw(look: "light" | "dark"): Promise<string>;
}

export type FigureShelf = ReturnType<typeof figureShelf>;

/** The figures of runs, made one run after the other and kept until a run changes. */
export function figureShelf(root: string) {
  const kept = new Map<string, Promise<readonly DrawnFigure[]>>();
  const turn = inTurn(32);
  return (id: string, folder: string, record: RunRecord): Promise<readonly DrawnFigure[]> => {
    const key = `${id} ${record.updated} ${record.status}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const work = turn(() => figuresIn(root, folder, record));
    kept.set(key, work);
    work.catch(() => kept.delete(key));
    if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
    return work;
  };
}

/** Loads what draws, before anybody waits for a figure: it takes a second of the server's thread. */
export async function warmFigures(): Promise<void> {
  await figureSvg({ title: "", alt: "", spec: { data: { values: [{ a: 1 }] }, mark: "point" } });
}

async function figuresIn(root: string, folder: string, { files }: RunRecord): Promise<readonly DrawnFigure[]> {
  for (const path of ["run.json", ...Object.values(files)]) {
    // What is not there yet leads nowhere; what is there must lie in the runs folder, with all links followed.
    for (const file of [path, join(path, "evaluation.json"), join(path, "pictures.parquet")].map((way) =>
      join(folder, way),
    ))
      if (!(await absentOrWithin(root, file))) return [];
  }
  const found = await runFindings(folder, { pictures: false });
  const main = mainEvaluation(found);
  const evaluation = main === null ? null : join(folder, files[main.name]!);
  return figuresOf(found).figures.map((figure) => {
    const { name, title, subtitle, alt, note } = figure;
    const drawings = new Map<string, Promise<string>>();
    return {
      ...{ name, title, subtitle, alt, note, cells: hasCells(figure) ? evaluation : null },
      draw(look) {
        const drawing = drawings.get(look) ?? figureSvg(figure, { look, titled: false });
        drawings.set(look, drawing);
        return drawing;
      },
    };
  });
}
