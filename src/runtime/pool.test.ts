import { describe, expect, it } from "vitest";
import { GraphBuilder, serialize } from "../onnx/index.js";
import { openPool, runEach } from "./index.js";

function doubling() {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [1]);
  return { model: serialize({ name: "double", inputs: [x], outputs: { y: b.add(x, x) } }) };
}

describe("openPool", () => {
  it.each([1, 3])("of %i gives what one session gives, in order", async (count) => {
    const pool = await openPool(doubling(), { count, threads: 1 });
    let [under, most] = [0, 0];
    const watched = {
      parallel: pool.parallel,
      run(feeds: Parameters<typeof pool.run>[0]) {
        most = Math.max(most, ++under);
        return pool.run(feeds).finally(() => under--);
      },
    };
    try {
      async function* numbers() {
        for (let i = 0; i < 20; i++) yield i;
      }
      const found: number[] = [];
      for await (const { batch, results } of runEach(watched, numbers(), (i) => ({ x: Float32Array.of(i) })))
        found.push(batch, Number(results.y![0]));
      expect(found).toEqual(Array.from({ length: 20 }, (_, i) => [i, 2 * i]).flat());
      expect(most).toBe(2 * count);
    } finally {
      await pool.dispose();
    }
  });

  it("throws where its sessions cannot be opened, and leaves none", async () => {
    const opening = openPool({ model: new Uint8Array(3) }, { count: 2, threads: 1 });
    await expect(opening).rejects.toThrow();
  });
});
