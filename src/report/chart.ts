import { RequestError } from "../errors.js";
import { drawn } from "./draw.js";
import { type SweepChart, sweepSpec } from "./spec.js";
import { COLOURS } from "./theme.js";

/**
 * Draws accuracy against test resolution as an SVG: a line with its 95% band for each curve, its name at its end. It has a
 * white ground, so that it can be read on a dark page too, and asks nothing from the network.
 * @throws {RequestError} where there is nothing to draw, too much, or a number is not finite
 */
export async function sweepChart(chart: SweepChart): Promise<string> {
  check(chart);
  return drawn(sweepSpec(chart), chart.title);
}

function check({ curves, marks = {} }: SweepChart): void {
  if (curves.length === 0 || curves.length > COLOURS.length) {
    throw new RequestError(`a chart of ${curves.length} curves cannot be drawn; give 1 to ${COLOURS.length}.`);
  }
  for (const { name, points } of curves) {
    if (points.length === 0) throw new RequestError(`curve "${name}" has no points; give at least 1.`);
    for (const { resolution, top1, ci95 } of points) {
      if (![resolution, top1, ...ci95].every(Number.isFinite)) {
        throw new RequestError(
          `curve "${name}" has a point [${resolution}, ${top1}, ${ci95.join(", ")}]; give finite numbers.`,
        );
      }
    }
  }
  for (const [name, resolution] of Object.entries(marks)) {
    if (resolution !== undefined && !Number.isFinite(resolution)) {
      throw new RequestError(`${name} is ${resolution}; give a finite number or leave it out.`);
    }
  }
}
