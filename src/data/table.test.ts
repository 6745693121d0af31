import { describe, expect, it } from "vitest";
import { ClassTable, inOrderOfNames, lazily, Numbers, SampleTable } from "./table.js";

describe("SampleTable", () => {
  it("gives back what was added, across blocks", () => {
    const table = new SampleTable();
    const name = (i: number): string => `é${i % 7 === 0 ? "\u{1F600}" : ""}/${i}.jpg`;
    const count = 2 * 65536 + 10;
    for (let i = 0; i < count; i++) table.add(name(i), i % 3);
    const samples = table.samples((own, i) => `${own}@${i}`);
    expect(samples.length).toBe(count);
    for (const i of [0, 1, 65535, 65536, 131071, 131072, count - 1]) {
      expect(samples[i]).toEqual({ name: name(i), path: `${name(i)}@${i}`, label: i % 3 });
    }
    expect(samples[count]).toBeUndefined();
    expect(samples[-1]).toBeUndefined();
    let seen = 0;
    for (const sample of samples) if (sample.name === name(seen)) seen++;
    expect(seen).toBe(count);
  });

  it("keeps a million samples in their bytes", () => {
    const table = new SampleTable();
    const before = process.memoryUsage();
    for (let i = 0; i < 1 << 20; i++) table.add(`n01440764/n01440764_${i % 100_000}.JPEG`, i % 1000);
    const after = process.memoryUsage();
    // 30 bytes of name and 8 beside them; as objects and texts it would be 200 and more.
    expect((after.arrayBuffers - before.arrayBuffers) / 2 ** 20).toBeLessThan(60);
    expect(table.length).toBe(1 << 20);
  });
});

describe("ClassTable", () => {
  it("orders classes that were met on the way", () => {
    const table = new ClassTable();
    for (const [name, label] of [
      ["a", "dog"],
      ["b", "cat"],
      ["c", "dog"],
    ] as const)
      table.add(name, label);
    const { classes, samples } = table.finish((name) => name);
    expect(classes).toEqual(["cat", "dog"]);
    expect([...samples].map(({ label }) => label)).toEqual([1, 0, 1]);
  });

  it("takes numbers as what they are, with those between them", () => {
    const table = new ClassTable();
    for (const label of ["3", "1"]) table.add(label, label);
    const { classes, samples } = table.finish((name) => name, { numbers: true });
    expect(classes).toEqual(["0", "1", "2", "3"]);
    expect([...samples].map(({ label }) => label)).toEqual([3, 1]);
  });
});

it("ClassTable refuses what are no labels", () => {
  const [large, unknown] = [new ClassTable(), new ClassTable()];
  large.add("a", "5000000");
  expect(() => large.finish((name) => name, { numbers: true })).toThrow("the label 5000000 is above 999999");
  unknown.add("a", "owl");
  expect(() => unknown.finish((name) => name, { names: ["ant"] })).toThrow('the label "owl" is none of the 1 classes');
});

it("Numbers keeps more than a block", () => {
  const numbers = new Numbers();
  for (let i = 0; i < 70_000; i++) numbers.push(i * 2 ** 33);
  expect([numbers.at(0), numbers.at(65_535), numbers.at(69_999)]).toEqual([0, 65_535 * 2 ** 33, 69_999 * 2 ** 33]);
});

it("lazily makes nothing before it is asked for", () => {
  const asked: number[] = [];
  const samples = lazily(3, (index) => {
    asked.push(index);
    return { name: `${index}`, path: `${index}`, label: 0 };
  });
  expect(samples[1]!.name).toBe("1");
  expect(asked).toEqual([1]);
});

it("inOrderOfNames has numbers by value and names by code point", () => {
  expect(inOrderOfNames(["10", "9", "010"])).toEqual(["9", "010", "10"]);
  expect(inOrderOfNames(["10", "9", "a"])).toEqual(["10", "9", "a"]);
});
