/** How a classifier does on held-out rows. */
export interface HeldOutScore {
  /** Mean cross-entropy with label smoothing, without the L2 term. */
  readonly heldOutLoss: number;
  readonly heldOutTop1: number;
}

/** Strengths from 0.1 to 1e-7, two a decade. */
export const STRENGTHS: readonly number[] = Array.from({ length: 13 }, (_, i) =>
  Number((10 ** (-1 - i / 2)).toPrecision(2)),
);

/** A loss that is above the best by this share has risen clearly: weaker strengths will not bring it down. */
const CLEARLY = 0.01;

/**
 * Walks a path of strengths from strong to weak, each begun at the solution of the one before, and ends it early where the
 * held-out loss has risen clearly.
 * @param solve - the optimum at a strength, from the last solution, and its score
 * @returns what was walked, and the strength of the least held-out loss (of equal ones the strongest) with its solution
 */
export async function walkStrengths<Solution, Step extends HeldOutScore & { readonly strength: number }>(
  strengths: readonly number[],
  start: Solution,
  solve: (strength: number, from: Solution) => Promise<{ solution: Solution; step: Step }>,
): Promise<{ path: Step[]; best: { solution: Solution; step: Step } }> {
  const path: Step[] = [];
  let best: { solution: Solution; step: Step } | null = null;
  let from = start;
  for (const strength of [...strengths].sort((a, b) => b - a)) {
    const found = await solve(strength, from);
    path.push(found.step);
    from = found.solution;
    if (best === null || found.step.heldOutLoss < best.step.heldOutLoss) best = found;
    if (found.step.heldOutLoss > best.step.heldOutLoss * (1 + CLEARLY)) break;
  }
  return { path, best: best! };
}
