import { expect, it } from "vitest";
import { filesOf, fixres } from "./command.js";
import { done, students, withStudents } from "./students.js";

const at = withStudents();

it.each([
  ["before pictures are labelled", "teacher: top-1", []],
  ["while the first learns", "epoch 1/2: train", []],
  ["when the first is done, and resumed by their folder", "round-1: top-1", ["--resume"]],
  ["while the second learns", "round-2: 48 of 60", []],
])(
  "students killed %s go on and end in the same bytes",
  async (name, kill, [resume]) => {
    const out = at(name);
    expect((await fixres(students(at(), out), { kill })).code).toBeNull();
    const again = resume === undefined ? students(at(), out) : ["train", resume, out, "--threads", "1"];
    await done(...again);
    const [wanted, found] = [await filesOf(at("whole")), await filesOf(out)];
    expect([...found.keys()]).toEqual([...wanted.keys()]);
    for (const [file, bytes] of wanted) expect(found.get(file)!.equals(bytes), file).toBe(true);
  },
  240_000,
);

it("students may have other architectures, hard labels and mixed pictures", async () => {
  const more = ["--student", "efficientnet_b0,efficientnet_b1", "--pseudo-labels", "hard", "--mixup", "0.2"];
  const out = at("hard");
  const { stdout } = await done(...students(at(), out, ...more, "--epochs", "1", "--unlabelled-ratio", "0.5"));
  expect(stdout).toMatch(/^1: efficientnet_b0.*\n2: efficientnet_b1/m);
}, 240_000);
