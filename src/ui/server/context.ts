import type { Children } from "./children.js";
import type { Database } from "./database.js";
import type { FigureShelf } from "./figures.js";
import type { RunnableCommand } from "./forms.js";
import type { Live } from "./live.js";
import type { PictureShelf } from "./pictures.js";
import type { RunIndex } from "./run-index.js";

/** What requests are answered from. */
export interface UiContext {
  /** The runs folder, as a real path. */
  readonly root: string;
  /** The script of the command, for runs and computations. */
  readonly main: string;
  readonly version: string;
  /** Where a started run's relative paths begin. */
  readonly cwd: string;
  readonly commands: readonly RunnableCommand[];
  readonly index: RunIndex;
  readonly live: Live;
  readonly children: Children;
  readonly pictures: PictureShelf;
  readonly figures: FigureShelf;
  /** Opened when rows are first asked for. */
  readonly database: () => Promise<Database>;
}
