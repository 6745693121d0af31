import cliProgress from "cli-progress";
import { duration, rate } from "../format.js";
import type { Progress, Task } from "../progress.js";

/** Milliseconds between lines where stderr is no terminal. */
const LINE_INTERVAL_MS = 5000;

/** Progress on stderr: a bar on a terminal, a line now and then in a log. Both with rate and time left. */
export function stderrProgress(): Progress {
  return {
    start: process.stderr.isTTY ? bar : lines,
    note: (text) => {
      // On a terminal in the place of a bar that may stand there; it draws itself anew below.
      process.stderr.write(`${process.stderr.isTTY ? "\r\u001b[K" : ""}${text}\n`);
    },
  };
}

/** How fast it goes and how long it will take, by what was done since it started. */
function pace(started: number, first: number, done: number, total: number, unit: string): string {
  const seconds = (performance.now() - started) / 1000;
  const perSecond = (done - first) / seconds;
  if (!(perSecond > 0)) return "";
  return `${rate(perSecond)} ${unit}/s, ${duration((total - done) / perSecond)} left`;
}

function bar(task: string, total: number, unit: string, first = 0): Task {
  const format = `{task} [{bar}] {percentage}%  {pace}  {detail}`;
  const shown = new cliProgress.SingleBar({ format, clearOnComplete: true, hideCursor: true, barsize: 24, fps: 8 });
  const started = performance.now();
  let [done, detail] = [first, ""];
  shown.start(total, first, { task, pace: "", detail });
  return {
    advance(count, words) {
      done += count;
      detail = words ?? detail;
      shown.update(done, { pace: pace(started, first, done, total, unit), detail });
    },
    end: () => shown.stop(),
  };
}

function lines(task: string, total: number, unit: string, first = 0): Task {
  const started = performance.now();
  let [done, written] = [first, started];
  return {
    advance(count, detail) {
      done += count;
      if (performance.now() - written < LINE_INTERVAL_MS) return;
      written = performance.now();
      const words = detail === undefined ? "" : `, ${detail}`;
      process.stderr.write(`${task}: ${done}/${total}, ${pace(started, first, done, total, unit)}${words}\n`);
    },
    end() {},
  };
}
