import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RequestError } from "../../errors.js";
import { architecture, freshModel, IMAGENET_IDS, saveModel } from "../../models/index.js";
import { silent } from "../../progress.js";
import { startingModel } from "./starting.js";

const WEIGHTS = "tf_efficientnet_b0.ap_in1k";

let directory: string;
const at = (...names: string[]): string => join(directory, ...names);
const here = { progress: silent };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-starting-"));
  await saveModel(at("made"), freshModel(architecture("tf_efficientnet_b0"), IMAGENET_IDS, 1));
  await saveModel(at("narrow"), freshModel(architecture("tf_efficientnet_b0", { width: 0.25 }), ["a", "b"], 1));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const file = (): string => at("made", "weights.safetensors");

describe("startingModel", () => {
  it("imports a file as the published weights of that name", async () => {
    const model = await startingModel(WEIGHTS, at("imported"), { ...here, from: file() });
    // AdvProp's weights are normalised by 0.5.
    expect(model.input).toMatchObject({ resolution: 224, cropRatio: 0.875, mean: [0.5, 0.5, 0.5] });
    expect(model.provenance).toEqual([{ what: "imported", from: file(), scheme: "timm" }]);
    expect(model.classes).toEqual(IMAGENET_IDS);
    expect((await readFile(at("imported", "weights.safetensors"))).equals(await readFile(file()))).toBe(true);
  });

  it("takes a model as it is, and one that stands in the directory", async () => {
    const narrow = await startingModel(WEIGHTS, at("taken"), { ...here, from: at("narrow") });
    expect(narrow.classes).toEqual(["a", "b"]);
    const again = await startingModel(WEIGHTS, at("taken"), { ...here, from: file() });
    expect(again.classes).toEqual(["a", "b"]);
  });

  it("refuses what it cannot take", async () => {
    await expect(startingModel("b0", at("no"), { ...here, from: file() })).rejects.toThrow(RequestError);
    const other = startingModel("tf_efficientnet_b1.ap_in1k", at("no"), { ...here, from: file() });
    await expect(other).rejects.toThrow(/does not hold the weights of tf_efficientnet_b1/);
  });
});
