import cliProgress from "cli-progress";
import type { Progress, Task } from "../progress.js";

/** Milliseconds between lines where stderr is no terminal. */
const LINE_INTERVAL_MS = 5000;

/** Progress on stderr: a bar on a terminal, a line now and then in a log. Both with rate and time left. */
export function stderrProgress(): Progress {
  return {
    start: (task, total, unit) => (process.stderr.isTTY ? bar(task, total, unit) : lines(task, total, unit)),
    note: (text) => {
      process.stderr.write(`${text}\n`);
    },
  };
}

/** How fast it goes and how long it will take, from the beginning of the task. */
function pace(started: number, first: number, done: number, total: number, unit: string): string {
  const seconds = (performance.now() - started) / 1000;
  const rate = (done - first) / seconds;
  if (!(rate > 0)) return "";
  return `${rate.toPrecision(3)} ${unit}/s, ${duration((total - done) / rate)} left`;
}

function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function bar(task: string, total: number, unit: string): Task {
  const format = `{task} [{bar}] {percentage}%  {pace}  {detail}`;
  const shown = new cliProgress.SingleBar({ format, clearOnComplete: true, hideCursor: true, barsize: 24, fps: 8 });
  const started = performance.now();
  let [done, detail] = [0, ""];
  shown.start(total, 0, { task, pace: "", detail });
  return {
    advance(count, words) {
      done += count;
      detail = words ?? detail;
      shown.update(done, { pace: pace(started, 0, done, total, unit), detail });
    },
    end: () => shown.stop(),
  };
}

function lines(task: string, total: number, unit: string): Task {
  const started = performance.now();
  let [done, written] = [0, started];
  return {
    advance(count, detail) {
      done += count;
      if (performance.now() - written < LINE_INTERVAL_MS) return;
      written = performance.now();
      const words = detail === undefined ? "" : `, ${detail}`;
      process.stderr.write(`${task}: ${done}/${total}, ${pace(started, 0, done, total, unit)}${words}\n`);
    },
    end() {},
  };
}
