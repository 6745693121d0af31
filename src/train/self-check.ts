/*
 * Whether a device can be trusted with training: one step there and on the CPU, from the same state with the same inputs. A kernel
 * that is wrong, or one operator that a driver compiles wrongly, seldom ends in an error; it ends in a network that learns less.
 */
import { RequestError } from "../errors.js";
import type { Progress } from "../progress.js";
import { openSession, type Session, type SessionOptions, type Tensors } from "../runtime/index.js";
import type { StepGraph } from "./step.js";

/** How far a step may lie from the CPU's before a device is refused. */
export interface StepTolerance {
  /** |a - b| / max(|b|, 1) of the losses. */
  readonly loss: number;
  /** |a - b| / |b| of what a step adds to a tensor, by Euclidean norms. */
  readonly tensor: number;
}

/**
 * Sums in another order change what a step of B0 adds to a tensor by 1e-5 to 1e-3 of its size, and multiplications with 10 bits of
 * mantissa, such as TF32 that CUDA takes for float32 and float16, by thousands of times their rounding too; a wrong kernel, by about its
 * size.
 */
export const STEP_TOLERANCE: StepTolerance = { loss: 0.01, tensor: 0.2 };

/**
 * A tensor whose gradient is zero but for rounding, such as the shift of a BatchNorm before another, is measured against so much of
 * the root mean square over all tensors of its kind. In B0 those lie at 1e-5 of it and below, all others at 2e-2 and above.
 */
const NOISE_FLOOR = 1e-2;

/** One deviation, with what is allowed. */
export interface Deviation {
  /** `loss`, or a tensor of the state. */
  readonly name: string;
  readonly value: number;
  readonly most: number;
}

/** What a step starts from where two are compared. */
export interface StepInputs {
  /** All that the session carries. */
  readonly state: Tensors;
  /** All that a run is fed, the step's scalars included. */
  readonly feeds: Tensors;
}

/**
 * Runs one step in two sessions of a step graph, from the same state with the same inputs.
 * @returns the deviations of the loss and of every tensor of the state, those that are farthest from what is allowed first
 */
export async function compareSteps(
  tested: Session,
  reference: Session,
  { state, feeds }: StepInputs,
  tolerance: StepTolerance = STEP_TOLERANCE,
): Promise<readonly Deviation[]> {
  const [a, b] = [await stepped(tested, state, feeds), await stepped(reference, state, feeds)];
  const loss = { name: "loss", value: Math.abs(a.loss - b.loss) / Math.max(Math.abs(b.loss), 1), most: tolerance.loss };
  const moved = Object.entries(state).map(([name, before]) => moves(name, before, a.state[name]!, b.state[name]!));
  const typical = new Map<string, number>();
  for (const kind of new Set(moved.map((one) => one.kind))) {
    const own = moved.filter((one) => one.kind === kind);
    const [squares, count] = [own.reduce((sum, one) => sum + one.squares, 0), own.reduce((sum, one) => sum + one.n, 0)];
    typical.set(kind, squares / count);
  }
  const tensors = moved.map(({ name, kind, n, squares, differences }) => {
    const least = NOISE_FLOOR ** 2 * typical.get(kind)! * n;
    const value = differences === 0 ? 0 : Math.sqrt(differences / Math.max(squares, least));
    return { name, value, most: tolerance.tensor };
  });
  // NaN, of a device that gives it, is farther than anything.
  const excess = ({ value, most }: Deviation): number =>
    Number.isNaN(value) ? Number.POSITIVE_INFINITY : value / most;
  return [loss, ...tensors].sort((one, other) =>
    excess(other) > excess(one) ? 1 : excess(other) < excess(one) ? -1 : 0,
  );
}

async function stepped(session: Session, state: Tensors, feeds: Tensors): Promise<{ loss: number; state: Tensors }> {
  await session.setState(state);
  const { loss } = await session.run(feeds);
  return { loss: Number(loss![0]), state: await session.getState() };
}

/** What the step added to a tensor, by the reference, and how far the other is from that: sums of squares. */
function moves(name: string, before: Tensors[string], tested: Tensors[string], reference: Tensors[string]) {
  let [squares, differences] = [0, 0];
  for (let i = 0; i < before.length; i++) {
    const move = Number(reference[i]) - Number(before[i]);
    squares += move * move;
    differences += (Number(tested[i]) - Number(reference[i])) ** 2;
  }
  return { name, kind: kindOf(name), n: before.length, squares, differences };
}

/** Tensors whose moves are alike in size: slots of a name, averages, running statistics, parameters. */
function kindOf(name: string): string {
  const [, kept] = /^((?:optimizer\/[^/]+|[a-z]+)\/)/.exec(name) ?? [];
  return kept ?? (/running_(mean|var)$/.exec(name)?.[0] || "parameter");
}

/** Where a step graph runs, and whether that is compared with the CPU first. */
export interface CheckedEngine extends Pick<SessionOptions, "device" | "threads"> {
  /** Whether one step on another device than the CPU is compared with the CPU's before any other; true unless given. */
  readonly selfCheck?: boolean;
}

/** Whether a device is to be compared with the CPU before it is used. */
export const isChecked = ({ device = "cpu", selfCheck = true }: CheckedEngine): boolean =>
  device !== "cpu" && selfCheck;

/** What a self-check is made with. */
export interface SelfCheck extends CheckedEngine {
  /** The session that is checked; it has its state again afterwards. */
  readonly session: Session;
  readonly step: StepGraph;
  /** A batch and its noise. */
  readonly feeds: Tensors;
  /** Of a run that updates the parameters; 1 unless given. */
  readonly run?: number;
  readonly progress: Progress;
}

/**
 * Compares a step on a device with the CPU's, with a learning rate of 1 and an optimizer that has just begun, so that what a step adds
 * is its gradient. On the CPU itself there is nothing to compare.
 * @throws {RequestError} where they differ by more than `STEP_TOLERANCE`, naming the tensor
 */
export async function checkDevice(options: SelfCheck): Promise<void> {
  const { session, step, feeds, run = 1, device = "cpu", threads, progress } = options;
  if (!isChecked(options)) return;
  const kept = await session.getState();
  const reference = await openSession(step.program, { threads });
  try {
    const inputs = { state: begun(kept), feeds: { ...feeds, ...step.scalars(run, 1) } };
    const deviations = await compareSteps(session, reference, inputs);
    assertAgreement(deviations, device);
    const [tensor] = deviations.filter(({ name }) => name !== "loss");
    const loss = deviations.find(({ name }) => name === "loss")!;
    progress.note(
      `self-check: a step on ${device} agrees with the CPU's (loss within ${short(loss.value)}, what it adds to a tensor within ${short(tensor!.value)})`,
    );
  } finally {
    await reference.dispose();
    await session.setState(kept);
  }
}

/** @param deviations - those farthest from what is allowed first  @throws {RequestError} where one is not allowed */
export function assertAgreement(deviations: readonly Deviation[], device: string): void {
  const [worst] = deviations;
  if (worst === undefined || worst.value <= worst.most) return;
  const what = worst.name === "loss" ? "the loss differs" : `what it adds to "${worst.name}" differs`;
  throw new RequestError(
    `a training step on ${device} is not the CPU's: ${what} by ${short(worst.value)} of its size, where ${worst.most} is allowed. Use --device cpu, or skip the check with --no-self-check.`,
  );
}

/** The state with an optimizer that has moved nothing. Square averages at 1: divided by a root of 0, rounding would decide. */
const begun = (state: Tensors): Tensors =>
  Object.fromEntries(
    Object.entries(state).map(([name, data]) => {
      if (!/^(optimizer|gathered)\//.test(name)) return [name, data];
      return [
        name,
        new Float32Array(data.length).fill(/^optimizer\/(secondMoment|squareAverage)\//.test(name) ? 1 : 0),
      ];
    }),
  );

const short = (value: number): string => String(Number(value.toPrecision(2)));
