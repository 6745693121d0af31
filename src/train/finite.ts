import { FailedError } from "../errors.js";
import type { StateTensors } from "./checkpoint.js";

/** A loss that is not a number ends a run. @throws {FailedError} naming the step */
export function checkLoss(loss: number, step: number, learningRate: number): void {
  if (!Number.isFinite(loss)) throw diverged(`the loss is ${loss}`, step, learningRate);
}

/** Gradients that overflow float16 even as they are end a run, which would skip all steps. @throws {FailedError} naming the step */
export function checkLossScale(scale: number | undefined, step: number, learningRate: number): void {
  if (scale !== undefined && scale < 1)
    throw diverged(`gradients are beyond float16 with a loss scale of ${scale} too`, step, learningRate);
}

/** A state that holds NaN or infinity must not take a good checkpoint's place. @throws {FailedError} naming tensor and step */
export function checkFinite(tensors: StateTensors, step: number, learningRate: number): void {
  for (const [name, data] of Object.entries(tensors)) {
    if ((data as Float32Array).some((value) => !Number.isFinite(value)))
      throw diverged(`"${name}" is no longer finite`, step, learningRate);
  }
}

/** That training has left all reason, with the step. */
export const diverged = (what: string, step: number, learningRate: number): FailedError =>
  new FailedError(
    `${what} at step ${step} (learning rate ${Number(learningRate.toPrecision(3))}); the run is stopped, and a checkpoint that is there stays. Try a lower learning rate or a longer warm-up.`,
  );
