import type { SessionOptions } from "./options.js";
import type { Program, Session } from "./session.js";
import { openThreadSession } from "./thread.js";

/** Sessions of one program, each in a thread of its own, that share the work. */
export interface Pool extends Pick<Session, "run" | "dispose"> {
  /** How many runs are computed at the same time. */
  readonly parallel: number;
}

/**
 * Opens several sessions of a program that carries nothing from run to run. A run goes to the session that has the fewest under way.
 * On a CPU, one session a core with one thread each is faster than one with all threads: activations stay in a core's cache, and no
 * thread spins at a barrier while another process or thread, such as one that decodes, waits for the core.
 */
export async function openPool(program: Program, options: SessionOptions & { readonly count: number }): Promise<Pool> {
  const { count, ...rest } = options;
  const opening = Array.from({ length: count }, () => openThreadSession(program, rest));
  const opened = await Promise.allSettled(opening);
  const members = opened.flatMap((one) => (one.status === "fulfilled" ? [{ session: one.value, busy: 0 }] : []));
  const dispose = async (): Promise<void> => {
    await Promise.all(members.map(({ session }) => session.dispose()));
  };
  const failed = opened.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await dispose();
    throw failed.reason;
  }
  return {
    parallel: count,
    run(feeds, shapes, given) {
      const member = members.reduce((best, other) => (other.busy < best.busy ? other : best));
      member.busy++;
      return member.session.run(feeds, shapes, given).finally(() => member.busy--);
    },
    dispose,
  };
}
