import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GraphBuilder, serialize } from "../onnx/index.js";
import { openSession, runEach, type Session, type Tensors } from "./index.js";

let session: Session;
/** Runs under way, now and at most. */
const under = { now: 0, most: 0 };

beforeAll(async () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [1]);
  const inner = await openSession({ model: serialize({ name: "double", inputs: [x], outputs: { y: b.add(x, x) } }) });
  session = {
    ...inner,
    async run(feeds) {
      under.most = Math.max(under.most, ++under.now);
      return inner.run(feeds).finally(() => under.now--);
    },
  };
});
afterAll(() => session.dispose());

async function* numbers(values: readonly number[]): AsyncGenerator<number> {
  for (const value of values) {
    if (value < 0) throw new Error("no more");
    yield value;
  }
}

/** A number as a batch; 13 as one that the session refuses. */
const feeds = (value: number): Tensors => ({ x: new Float32Array(value === 13 ? 2 : 1).fill(value) });

async function collect(values: readonly number[], into: number[] = []): Promise<number[]> {
  for await (const { batch, results } of runEach(session, numbers(values), feeds))
    into.push(batch, Number(results.y![0]));
  return into;
}

describe("runEach", () => {
  it.each([[[]], [[1]], [[1, 2, 3, 4]]])("gives each batch with its own results, in order: %j", async (values) => {
    under.most = 0;
    expect(await collect(values)).toEqual(values.flatMap((value) => [value, 2 * value]));
    expect(under.most).toBe(Math.min(2, values.length));
  });

  it("throws a run's error and the source's when their turn comes", async () => {
    const [run, source]: [number[], number[]] = [[], []];
    await expect(collect([1, 2, 13, 4], run)).rejects.toThrow("was fed 2 elements");
    expect(run).toEqual([1, 2, 2, 4]);
    await expect(collect([1, 2, -1], source)).rejects.toThrow("no more");
    expect(source).toEqual([1, 2]);
  });

  it("leaves nothing running behind a consumer that goes early", async () => {
    for await (const { batch } of runEach(session, numbers([1, 2, 3]), feeds)) if (batch === 1) break;
    expect(under.now).toBe(0);
  });
});
