import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodePicture } from "../../src/data/index.js";
import { type TestPreprocessing, testTransform } from "../../src/pixels/index.js";
import { type OpenedPage, openPage } from "./open.js";
import { pictureFiles } from "./pictures.js";

let opened: OpenedPage;
const names: string[] = [];

beforeAll(async () => {
  opened = await openPage();
  for (const [name, file] of Object.entries(await pictureFiles())) {
    const { width, height, data } = await decodePicture(file);
    opened.server.files.set(`/${name}`, file);
    opened.server.files.set(`/${name}/${width}x${height}`, data);
    names.push(`${name}/${width}x${height}`);
  }
}, 120_000);
afterAll(() => opened?.close());

describe("pixels in Chromium", () => {
  it("of a file are those that Node decodes", async () => {
    const differences = await opened.page.evaluate(
      (all) =>
        Promise.all(
          all.map(async (path) => {
            const [name, size] = path.split("/");
            const { width, height, data } = await fixres.readPicture(`/${name}`, 1e9);
            const found = await fixres.difference(data, `/${path}`);
            return { name: name!, size: `${width}x${height}` === size, ...found };
          }),
        ),
      names,
    );
    expect(differences).toHaveLength(26);
    // Of the products of ink and key, Chromium rounds some the other way.
    const cmyk = differences.find(({ name }) => name === "cmyk.jpg")!;
    expect(cmyk.largest).toBeLessThanOrEqual(1);
    const others = differences.filter(({ name }) => name !== "cmyk.jpg");
    expect(others.filter(({ largest, size }) => largest > 0 || !size)).toEqual([]);
  });

  it("of a file that is turned by its EXIF block are those that Node turns", async () => {
    // Chromium leaves WebPs as they are stored.
    const turned = names.filter((path) => /^turned\.(jpg|png)/.test(path));
    for (const path of turned) {
      const [name] = path.split("/");
      const files = await pictureFiles();
      const { data } = await decodePicture(files[name!]!, { exifOrientation: true });
      opened.server.files.set(`/oriented-${name}`, data);
    }
    const largest = await opened.page.evaluate(
      (all) =>
        Promise.all(
          all.map(async (path) => {
            const [name] = path.split("/");
            const { data } = await fixres.readPicture(`/${name}`, 1e9, true);
            return (await fixres.difference(data, `/oriented-${name}`)).largest;
          }),
        ),
      turned,
    );
    expect(largest).toEqual([0, 0]);
  });

  it("of translucent elements and bitmaps are those that they were drawn with, but for rounding", async () => {
    const found = await opened.page.evaluate(async () => {
      const size = 64;
      // Alphas from 64 on: below, rounding alone moves colours further.
      const colours = Array.from({ length: size * size * 4 }, (_, i) =>
        i % 4 === 3 ? 64 + ((i * 13) % 192) : (i * 7919) % 256,
      );
      const pixels = new ImageData(Uint8ClampedArray.from(colours), size, size);
      const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
      canvas.getContext("2d")!.putImageData(pixels, 0, 0);
      const offscreen = new OffscreenCanvas(size, size);
      offscreen.getContext("2d")!.putImageData(pixels, 0, 0);
      const image = Object.assign(new Image(), { src: canvas.toDataURL() });
      const forms = {
        canvas,
        offscreen,
        image,
        bitmap: await createImageBitmap(pixels),
        multiplied: await createImageBitmap(pixels, { premultiplyAlpha: "premultiply" }),
        straight: await createImageBitmap(pixels, { premultiplyAlpha: "none" }),
        frame: new VideoFrame(canvas, { timestamp: 0 }),
      };
      const largest: Record<string, number> = {};
      for (const [name, form] of Object.entries(forms)) {
        const { data } = await fixres.readPicture(form, 1e9);
        largest[name] = data.reduce(
          (most, value, i) => Math.max(most, Math.abs(value - colours[i + Math.floor(i / 3)]!)),
          0,
        );
      }
      forms.frame.close();
      return largest;
    });
    for (const [name, largest] of Object.entries(found)) expect(largest, name).toBeLessThanOrEqual(3);
    expect(found.straight).toBe(0);
  });

  it("of a resized and cropped picture are those that Node computes", async () => {
    const cases: { name: string; preprocessing: TestPreprocessing; expected: string }[] = [];
    const files = await pictureFiles();
    for (const name of ["rgb.png", "portrait.png", "one.png", "wide.png", "tall.png", "odd.jpg", "translucent.png"]) {
      const picture = await decodePicture(files[name]!);
      for (const interpolation of ["bilinear", "bicubic", "lanczos"]) {
        for (const [resolution, cropRatio] of [
          [32, 0.875],
          [37, 1],
          [224, 224 / 256],
        ] as const) {
          for (const how of [
            { cropMode: "center" },
            { cropMode: "squash" },
            { cropMode: "border", mean: [0.485, 0.456, 0.406] },
            { cropMode: "center", transform: "fixres-official" },
          ] as const) {
            const preprocessing = { resolution, cropRatio, interpolation, ...how };
            const bytes = new Uint8Array(resolution ** 2 * 3);
            testTransform(preprocessing).apply(picture, bytes, 0);
            const expected = `/case-${cases.length}`;
            opened.server.files.set(expected, bytes);
            cases.push({ name: `/${name}`, preprocessing, expected });
          }
        }
      }
    }
    const wrong = await opened.page.evaluate(async (all) => {
      const found: string[] = [];
      for (const { name, preprocessing, expected } of all) {
        const picture = await fixres.readPicture(name, 1e9);
        const bytes = new Uint8Array(preprocessing.resolution ** 2 * 3);
        fixres.testTransform(preprocessing).apply(picture, bytes, 0);
        const { largest } = await fixres.difference(bytes, expected);
        if (largest > 0) found.push(`${name} ${JSON.stringify(preprocessing)}: ${largest}`);
      }
      return found;
    }, cases);
    expect(cases).toHaveLength(252);
    expect(wrong).toEqual([]);
  });
});
