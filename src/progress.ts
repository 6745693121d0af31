/**
 * How long work tells how far it is. Loops are handed a `Progress`; what shows it (a bar, lines, nothing) is the caller's.
 *
 * @module
 */

/** Receives the beginning of each piece of work that may take longer than a moment. */
export interface Progress {
  /**
   * @param task - what is done, such as `epoch 3/10`  @param total - units of work  @param unit - plural, such as `pictures`
   * @param first - units that an earlier run has done already, which say nothing of the pace; 0 unless given
   */
  start(task: string, total: number, unit: string, first?: number): Task;
  /** Something that the user should know, such as which preprocessing is in force. */
  note(text: string): void;
}

/** One piece of work under way. */
export interface Task {
  /** @param count - units finished since the last call @param detail - a few words that stand beside the bar */
  advance(count: number, detail?: string): void;
  /** Must be called, also where the work fails. */
  end(): void;
}

/** Tells nobody. */
export const silent: Progress = { start: () => ({ advance() {}, end() {} }), note() {} };
