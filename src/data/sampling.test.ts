import { describe, expect, it } from "vitest";
import { sampledOrder } from "./index.js";

const labels = [0, 0, 0, 0, 0, 0, 0, 1, 1, 3];
const source = {
  classes: ["a", "b", "none", "c"],
  samples: labels.map((label, i) => ({ path: `${i}`, name: `${i}`, label })),
};
const at = (epoch: number) => ({ seed: 3, epoch });

describe("an epoch's order", () => {
  it.each(["shuffled", "balanced", "repeated"] as const)(
    "%s is a function of seed and epoch, as long as the data",
    (how) => {
      const order = sampledOrder(source, how, at(0));
      expect(order).toHaveLength(10);
      expect(order).toEqual(sampledOrder(source, how, at(0)));
      expect(order).not.toEqual(sampledOrder(source, how, at(1)));
    },
  );

  it("takes each picture once when shuffled", () => {
    expect([...sampledOrder(source, "shuffled", at(0))].sort()).toEqual([...labels.keys()]);
  });

  it("gives classes as many places as each other when balanced, and goes round their pictures", () => {
    const seen = new Set<number>();
    for (let epoch = 0; epoch < 20; epoch++) {
      const order = [...sampledOrder(source, "balanced", at(epoch))];
      const counts = [0, 1, 3].map((label) => order.filter((i) => labels[i] === label).length);
      expect(counts.sort()).toEqual([3, 3, 4]);
      const own = order.filter((i) => labels[i] === 0);
      expect(new Set(own).size).toBe(own.length);
      for (const i of own) seen.add(i);
    }
    expect(seen.size).toBe(7);
  });

  it("takes a picture three times in a row when repeated", () => {
    const order = [...sampledOrder(source, "repeated", at(0))];
    expect(order.slice(0, 9)).toEqual([0, 3, 6].flatMap((i) => Array(3).fill(order[i])));
    expect(new Set(order).size).toBe(4);
  });
});
