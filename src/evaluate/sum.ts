/** A sum that does not depend on the order of its terms. */
export interface ExactSum {
  add(term: number): void;
  /** The sum of all terms, rounded once. */
  value(): number;
}

/**
 * An empty sum. It keeps what is added without error, as a few numbers whose digits do not overlap (Shewchuk 1997, Discrete &
 * Computational Geometry 18, 305-363), and rounds once at the end, as Python's `math.fsum`: pictures may arrive in any order.
 */
export function exactSum(): ExactSum {
  /** From small to large. */
  const parts: number[] = [];
  return {
    add(term) {
      let x = term;
      let used = 0;
      for (const part of parts) {
        const [large, small] = Math.abs(x) < Math.abs(part) ? [part, x] : [x, part];
        x = large + small;
        const error = small - (x - large);
        if (error !== 0) parts[used++] = error;
      }
      parts.length = used;
      parts.push(x);
    },
    value() {
      let i = parts.length - 1;
      let sum = parts[i] ?? 0;
      let error = 0;
      while (i > 0 && error === 0) {
        const large = sum;
        sum = large + parts[--i]!;
        error = parts[i]! - (sum - large);
      }
      // What lies between two numbers was rounded to the even one; where more of the same sign follows, the other one is nearer.
      if (i > 0 && error * parts[i - 1]! > 0) {
        const other = sum + 2 * error;
        if (other - sum === 2 * error) return other;
      }
      return sum;
    },
  };
}
