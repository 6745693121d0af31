import { execFile } from "node:child_process";
import { describe, expect, it } from "vitest";
import { RequestError } from "../errors.js";
import { GraphBuilder, serialize } from "../onnx/index.js";
import { openSession, type Program, packed } from "./index.js";

/** sum = sum + k x w, with `sum` carried from run to run and w a parameter. */
function accumulator(): Program {
  const b = new GraphBuilder();
  const [x, sum, w] = [b.input("x", "float32", [3]), b.input("sum", "float32", [3]), b.parameter("w", [3])];
  const graph = {
    name: "accumulator",
    inputs: [x, sum],
    outputs: { next: b.add(sum, b.mul(x, w)), twice: b.add(x, x) },
  };
  return { ...packed(graph, () => Float32Array.of(1, 10, 100)), carried: { sum: "next" } };
}

/** Some tenths of a second of matrix products. */
function slow(): Program {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [400, 400]);
  let y = x;
  for (let i = 0; i < 60; i++) y = b.scale(b.matmul(y, x), 0.01);
  return { model: serialize({ name: "slow", inputs: [x], outputs: { y } }) };
}

describe.each(["here", "thread"] as const)("a session in %s", (where) => {
  it("carries state from run to run, and gives the rest", async () => {
    const session = await openSession(accumulator(), { where, threads: 1 });
    await session.setState({ sum: Float32Array.of(0, 0, 1) });
    expect(session.inputs).toEqual({ x: [3] });
    expect(session.outputs).toEqual({ twice: [3] });
    expect(await session.run({ x: Float32Array.of(1, 2, 3) })).toEqual({ twice: Float32Array.of(2, 4, 6) });
    const middle = await session.getState();
    await session.run({ x: Float32Array.of(1, 1, 1) });
    expect(await session.getState()).toEqual({ sum: Float32Array.of(2, 30, 401) });
    expect(middle).toEqual({ sum: Float32Array.of(1, 20, 301) });
    await session.dispose();
  });

  it("takes memory that threads share", async () => {
    const session = await openSession(accumulator(), { where, threads: 1 });
    await session.setState({ sum: Float32Array.of(0, 0, 0) });
    const x = new Float32Array(new SharedArrayBuffer(12));
    x.set([1, 2, 3]);
    expect(await session.run({ x })).toEqual({ twice: Float32Array.of(2, 4, 6) });
    await session.dispose();
  });

  it("takes over what it is given, and leaves what has a share in it", async () => {
    const session = await openSession(accumulator(), { where, threads: 1 });
    await session.setState({ sum: Float32Array.of(0, 0, 0) });
    const x = Float32Array.of(1, 2, 3);
    expect(await session.run({ x }, undefined, ["x"])).toEqual({ twice: Float32Array.of(2, 4, 6) });
    expect(x.length).toBe(where === "thread" ? 0 : 3);
    const whole = Float32Array.of(9, 4, 5, 6);
    expect(await session.run({ x: whole.subarray(1) }, undefined, ["x"])).toEqual({
      twice: Float32Array.of(8, 10, 12),
    });
    expect(whole).toEqual(Float32Array.of(9, 4, 5, 6));
    await session.dispose();
  });

  it("copies what it is fed, so that the caller may change it", async () => {
    const session = await openSession(accumulator(), { where, threads: 1 });
    const start = Float32Array.of(0, 0, 0);
    await session.setState({ sum: start });
    await session.run({ x: Float32Array.of(1, 1, 1) });
    await session.run({ x: Float32Array.of(1, 1, 1) });
    expect(start).toEqual(Float32Array.of(0, 0, 0));
    await session.dispose();
  });

  it.each([
    [{}, 'input "x" [3] was not fed'],
    [{ x: new Float32Array(2) }, 'input "x" [3] was fed 2 elements; 3 are needed'],
  ])("refuses wrong feeds with the error's class kept: %j", async (feeds, text) => {
    const session = await openSession(accumulator(), { where, threads: 1 });
    await session.setState({ sum: new Float32Array(3) });
    const running = session.run(feeds);
    await expect(running).rejects.toThrow(RequestError);
    await expect(running).rejects.toThrow(text);
    await session.dispose();
  });

  it("refuses options that cannot be", async () => {
    await expect(openSession(accumulator(), { where, threads: 0 })).rejects.toThrow(
      "threads is 0; give a whole number",
    );
    // The engine would start them all.
    await expect(openSession(accumulator(), { where, threads: 1025 })).rejects.toThrow("from 1 to 1024");
    await expect(openSession(accumulator(), { where, device: "tpu" as "cpu" })).rejects.toThrow(
      'device "tpu" is unknown; choose one of cpu, webgpu',
    );
  });
});

it("says what a device lacks here, and that the processor works", async () => {
  const opening = openSession(accumulator(), { where: "here", device: "cuda" });
  await expect(opening).rejects.toThrow(/device "cuda" cannot be used here: .* "cpu" works everywhere/);
});

it("leaves the caller's thread free while it computes", async () => {
  const session = await openSession(slow(), { threads: 1 });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await session.run({ x: new Float32Array(400 * 400).fill(0.1) });
  clearInterval(timer);
  await session.dispose();
  expect(ticks).toBeGreaterThan(3);
});

it.each([
  ["process.exit(3)", 3],
  ["throw new Error('elsewhere')", 1],
])("lets a process end in the middle of a run: %s", async (ending, code) => {
  const index = new URL("../../dist/runtime/index.js", import.meta.url);
  const program = slow();
  const script = `
    import { openSession } from ${JSON.stringify(index.href)};
    const model = Buffer.from(${JSON.stringify(Buffer.from(program.model).toString("base64"))}, "base64");
    const session = await openSession({ model: new Uint8Array(model) }, { threads: 1 });
    for (let i = 0; i < 3; i++) session.run({ x: new Float32Array(400 * 400) });
    setTimeout(() => { ${ending}; }, 30);
  `;
  const ended = await new Promise((resolve) => {
    execFile(process.execPath, ["--input-type=module", "--eval", script]).on("close", (...how) => resolve(how));
  });
  expect(ended).toEqual([code, null]);
});

it("takes values from the shared block that they lie in, and copies others into one", async () => {
  const block = new SharedArrayBuffer(64);
  const shared = new Float32Array(block, 16, 3).fill(2);
  const b = new GraphBuilder();
  const [x, w] = [b.input("x", "float32", [3]), b.parameter("w", [3])];
  const graph = { name: "product", inputs: [x], outputs: { y: b.mul(x, w) } };
  const inPlace = packed(graph, () => shared);
  expect(inPlace.external![0]!.data.buffer).toBe(block);
  const copied = packed(graph, () => Float32Array.of(2, 2, 2));
  expect(copied.external![0]!.data.buffer).toBeInstanceOf(SharedArrayBuffer);
  for (const program of [inPlace, copied]) {
    const session = await openSession(program, { threads: 1 });
    expect(await session.run({ x: Float32Array.of(1, 2, 3) })).toEqual({ y: Float32Array.of(2, 4, 6) });
    await session.dispose();
  }
});
