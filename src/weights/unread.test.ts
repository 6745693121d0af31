import { mkdtemp, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { GraphBuilder } from "../onnx/index.js";
import { mapped, openSession, packed } from "../runtime/index.js";
import { openUnread, type Tensor, writeSafetensors } from "./index.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fixres-unread-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const TENSORS = new Map<string, Tensor>([
  ["b", { type: "float32", shape: [2], data: Float32Array.of(1, 2) }],
  ["w", { type: "float32", shape: [2, 2], data: Float32Array.of(3, 4, 5, 6) }],
  ["half", { type: "float16", shape: [1], data: Uint16Array.of(0x3c00) }],
]);

async function written(name: string): Promise<string> {
  const path = join(folder, name);
  await writeSafetensors(path, TENSORS);
  return path;
}

/** x w + b, with both parameters in a file. */
function product() {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", [1, 2]);
  const y = b.add(b.matmul(x, b.parameter("w", [2, 2])), b.parameter("b", [2]));
  return { name: "product", inputs: [x], outputs: { y } };
}

it("knows where tensors lie until one is looked at, and then what they are", async () => {
  const path = await written("whole.safetensors");
  const tensors = await openUnread(path);
  expect([...tensors].map(([name, { type, shape }]) => [name, type, shape])).toEqual(
    [...TENSORS].map(([name, { type, shape }]) => [name, type, shape]),
  );
  expect(tensors.get("w")!.place).toEqual({ path, offset: expect.any(Number), length: 16 });
  for (const [name, { data }] of TENSORS) expect(tensors.get(name)!.data).toEqual(data);
  expect(tensors.get("w")!.data.buffer).toBeInstanceOf(SharedArrayBuffer);
  for (const tensor of tensors.values()) expect(tensor.place).toBeNull();
});

it.each(["here", "thread"] as const)("is mapped by a session in %s, through a link too", async (where) => {
  const link = join(folder, `${where}.safetensors`);
  await symlink(await written(`linked-${where}`), link);
  const tensors = await openUnread(link);
  const program = mapped(product(), ({ name }) => tensors.get(name)!.place ?? null)!;
  expect(program.external).toBeUndefined();
  const session = await openSession(program, { where, threads: 1 });
  expect(await session.run({ x: Float32Array.of(1, 10) })).toEqual({ y: Float32Array.of(54, 66) });
  await session.dispose();
  expect(tensors.get("w")!.place).not.toBeNull();
});

it("is taken from memory once it is there", async () => {
  const tensors = await openUnread(await written("read.safetensors"));
  const { data } = tensors.get("b")!;
  expect(mapped(product(), ({ name }) => tensors.get(name)!.place ?? null)).toBeNull();
  expect(packed(product(), ({ name }) => tensors.get(name)!.data).external![0]!.data.buffer).toBe(data.buffer);
});

it("says that the file is another by now, or gone", async () => {
  const path = await written("changed.safetensors");
  const tensor = (await openUnread(path)).get("w")!;
  await rename(await written("other.safetensors"), path);
  expect(() => tensor.data).toThrow(DataError);
  expect(() => tensor.place).toThrow(
    `safetensors file "${path}" changed while it was in use: another was written there. Run the same command again.`,
  );
  await rm(path);
  expect(() => tensor.data).toThrow("changed while it was in use: no such file or directory.");
});
