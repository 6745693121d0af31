import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { folderOf } from "../pictures.testing.js";
import { openFolder } from "./folder.js";

async function failure(opening: Promise<unknown>): Promise<string> {
  const error = await opening.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).message).not.toContain("\n");
  return (error as DataError).message;
}

describe("openFolder", () => {
  it("takes a class a folder, in order, and pictures at any depth", async () => {
    const directory = await folderOf({
      "dog/b.PNG": "",
      "dog/a.jpeg": "",
      "cat/x.webp": "",
      "cat/more/deep/y.JPG": "",
      "cat/z.jpg": "",
    });
    const source = await openFolder(directory);
    expect(source.name).toBe(directory);
    expect(source.classes).toEqual(["cat", "dog"]);
    expect([...source.samples].map(({ name, label }) => [name, label])).toEqual([
      ["cat/x.webp", 0],
      ["cat/z.jpg", 0],
      ["cat/more/deep/y.JPG", 0],
      ["dog/a.jpeg", 1],
      ["dog/b.PNG", 1],
    ]);
    expect(source.samples[0]!.path).toBe(join(directory, "cat/x.webp"));
    expect(source.notes).toEqual([]);
  });

  it("orders as Python does: by code point, folder by folder", async () => {
    const astral = "\u{1F600}";
    const directory = await folderOf({
      "b/1.png": "",
      "B/1.png": "",
      "é/1.png": "",
      [`${astral}/1.png`]: "",
      "\uFF21/1.png": "",
      // sorted(os.walk()) compares whole paths, in which "-" comes before "/".
      "b/a/1.png": "",
      "b/a-b/1.png": "",
      "b/a/c/1.png": "",
      "b/0.png": "",
    });
    const { classes, samples } = await openFolder(directory);
    expect(classes).toEqual(["B", "b", "é", "\uFF21", astral]);
    expect([...samples].filter(({ label }) => label === 1).map(({ name }) => name)).toEqual([
      "b/0.png",
      "b/1.png",
      "b/a/1.png",
      "b/a-b/1.png",
      "b/a/c/1.png",
    ]);
  });

  it("leaves out hidden entries, and tells of other files", async () => {
    const directory = await folderOf({
      "cat/a.png": "",
      "cat/.b.png": "",
      "cat/Thumbs.db": "",
      "cat/labels.txt": "",
      ".cache/c.png": "",
      "README.md": "",
    });
    const source = await openFolder(directory);
    expect(source.classes).toEqual(["cat"]);
    expect([...source.samples].map(({ name }) => name)).toEqual(["cat/a.png"]);
    expect(source.notes).toEqual([
      `"${directory}": 2 files are no JPEG, PNG, WebP, GIF, TIFF, BMP or PNM, and left out`,
      `"${directory}": 1 file is in no class folder, and left out`,
    ]);
  });

  it("has numbers in their order, and tells where torchvision has another", async () => {
    const directory = await folderOf({ "2/a.png": "", "10/a.png": "", "1/a.png": "" });
    const source = await openFolder(directory);
    expect(source.classes).toEqual(["1", "2", "10"]);
    expect([...source.samples].map(({ name, label }) => [name, label])).toEqual([
      ["1/a.png", 0],
      ["2/a.png", 1],
      ["10/a.png", 2],
    ]);
    expect(source.notes).toEqual([
      `"${directory}": class folders are numbers and in their order (2 before 10), where torchvision sorts text`,
    ]);
    expect((await openFolder(await folderOf({ "01/a.png": "", "02/a.png": "", "10/a.png": "" }))).notes).toEqual([]);
  });

  it("knows ImageNet-V2, its variant, and whether it has ten pictures a class", async () => {
    const names = Array.from({ length: 10_000 }, (_, i) => [`top-images/${i % 1000}/${i}.jpeg`, ""]);
    const directory = join(await folderOf(Object.fromEntries(names)), "top-images");
    const notes = async () => (await openFolder(directory)).notes[1];
    expect(await notes()).toBe(
      `"${directory}": folders 0 to 999, as ImageNet-V2 has them (top-images); whole, ten pictures a class`,
    );
    await rm(join(directory, "7", "1007.jpeg"));
    expect(await notes()).toContain("(top-images); not ten pictures a class: 7 has 9");
  });

  it("follows links, and counts a broken one to a picture as one", async () => {
    const elsewhere = await folderOf({ "pictures/a.png": "" });
    const directory = await folderOf({ "cat/b.png": "" });
    await symlink(join(elsewhere, "pictures"), join(directory, "dog"));
    await symlink(join(elsewhere, "nowhere.png"), join(directory, "cat/c.png"));
    const { samples } = await openFolder(directory);
    expect([...samples].map(({ name }) => name)).toEqual(["cat/b.png", "cat/c.png", "dog/a.png"]);
  });

  it("refuses a link that leads back", async () => {
    const directory = await folderOf({ "cat/a.png": "" });
    await symlink(directory, join(directory, "cat/up"));
    expect(await failure(openFolder(directory))).toBe(
      `"${join(directory, "cat/up")}" links to a folder that it is in, and so has no end; remove the link.`,
    );
  });

  it("refuses a directory that is not there or no directory", async () => {
    const directory = await folderOf({ file: "" });
    expect(await failure(openFolder(join(directory, "none")))).toBe(
      `data directory "${join(directory, "none")}" does not exist; give a folder of pictures.`,
    );
    expect(await failure(openFolder(join(directory, "file")))).toBe(
      `data directory "${join(directory, "file")}" is not a directory; give a folder of pictures.`,
    );
  });

  it("refuses a directory without class folders", async () => {
    const directory = await folderOf({ "a.png": "" });
    expect(await failure(openFolder(directory))).toBe(
      `"${directory}" holds no class folders; put the pictures of each class into a folder of its name.`,
    );
  });

  it("names a class without pictures", async () => {
    const directory = await folderOf({ "cat/a.png": "", "dog/notes.txt": "" });
    expect(await failure(openFolder(directory))).toBe(
      `class folder "${join(directory, "dog")}" holds no pictures (JPEG, PNG, WebP, GIF, TIFF, BMP or PNM); add some or remove it.`,
    );
  });
});
