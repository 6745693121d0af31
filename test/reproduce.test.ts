import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encoded, pattern } from "../src/pictures.testing.js";
import { startHub } from "../src/weights/hub/server.testing.js";
import { fixres } from "./command.js";

const CLASSES = ["bird", "cat", "dog", "fish"];
const TRAIN = 8;
const VAL = 3;

/** A row of the result, as far as it is looked at. */
interface Row {
  readonly protocol: string;
  readonly step: string;
  readonly resolution: number;
  readonly measured: { readonly n: number };
  readonly published: { readonly top1: number } | null;
}

let directory: string;
const at = (...names: string[]): string => join(directory, ...names);
const json = async (...names: string[]) => JSON.parse(await readFile(at(...names), "utf8"));

/** A folder a class, as ImageNet has it: with names of its validation set where there is a first number. */
async function makeFolders(name: string, count: number, first: number | null): Promise<void> {
  for (const [c, label] of CLASSES.entries()) {
    await mkdir(at(name, label), { recursive: true });
    for (let i = 0; i < count; i++) {
      const number = String((first ?? 0) + c * count + i).padStart(8, "0");
      const file = first === null ? `${i}.png` : `ILSVRC2012_val_${number}.png`;
      await writeFile(at(name, label, file), await encoded(pattern(40 + 7 * c, 50 + 3 * i)));
    }
  }
}

/** ReaL's labels: each picture's own class, but none for the first, and two for the second. */
const REAL = Array.from({ length: CLASSES.length * VAL }, (_, i) =>
  i === 0 ? [] : i === 1 ? [0, 3] : [Math.floor(i / VAL)],
);

const command = (...more: string[]): string[] => [
  ...["reproduce", "fixefficientnet-b0", "--data", at("imagenet"), "--out", at("out"), "--weights", at("narrow")],
  ...["--epochs", "2", "--views", "1", "--batch-size", "8", "--threads", "1", "--json"],
  ...more,
];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fixres-reproduce-"));
  await makeFolders("imagenet/train", TRAIN, null);
  await makeFolders("imagenet/val", VAL, 1);
  await makeFolders("imagenetv2-matched-frequency", 2, null);
  await writeFile(at("real.json"), JSON.stringify(REAL));
  const narrow = ["--width", "0.25", "--depth", "0.25", "--classes", "4", "--seed", "1"];
  const made = await fixres(["init", "tf_efficientnet_b0", ...narrow, "--out", at("narrow")]);
  expect(made.code, made.stderr).toBe(0);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe("fixres reproduce", () => {
  it("tests, tunes and tests again, and shows all of it beside what was published", async () => {
    const first = await fixres(command());
    expect(first.code, first.stderr).toBe(0);
    const found = JSON.parse(first.stdout);
    expect(found).toMatchObject({
      preset: "fixefficientnet-b0",
      weights: "tf_efficientnet_b0.ap_in1k",
      model: at("out", "tuned"),
      resolution: 320,
      recipe: "test+",
      preprocessing: { resolution: 320, transform: "fixres-official", interpolation: "bilinear", cropRatio: 0.875 },
      report: { json: at("out", "report.json"), markdown: at("out", "report.md") },
    });
    const rows = found.rows.map(({ protocol, step, resolution, measured, published }: Row) => [
      ...[protocol, step, resolution, measured.n, published?.top1 ?? null],
    ]);
    expect(rows).toEqual([
      ["imagenet-val", "before", 224, 12, 0.771],
      ["imagenet-val", "at-resolution", 320, 12, null],
      ["imagenet-val", "after", 320, 12, 0.793],
    ]);
    expect(found.gains[0].published).toBeCloseTo(0.022, 12);
    // A plain eval of the tuned model finds the same.
    const evaluated = await fixres(["eval", at("out", "tuned"), "--data", at("imagenet"), "--threads", "1", "--json"]);
    expect(JSON.parse(evaluated.stdout).top1).toBe(found.rows[2].measured.top1);
    expect(found.gains[0].tuning.gain).toBeCloseTo(found.rows[2].measured.top1 - found.rows[1].measured.top1, 12);
    const { provenance } = await json("out", "tuned", "model.json");
    expect(provenance.at(-1)).toMatchObject({ what: "tuned", mode: "classifier+bn", labelSmoothing: 0.1, epochs: 2 });
    expect(found.notes[0]).toBe(
      "the network is another than tf_efficientnet_b0.ap_in1k: published numbers are not of it",
    );
    expect(found.notes).toContain(
      "before: 12 pictures were scored, but ImageNet's validation set has 50000: this is not comparable with published numbers",
    );
  });

  it("goes on where it was, here with two more data sets, and does nothing again", async () => {
    const written = await stat(at("out", "tuned", "weights.safetensors"));
    const sets = ["--real", at("real.json"), "--v2", at("imagenetv2-matched-frequency")];
    const again = await fixres(command(...sets));
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain("is tuned already");
    expect((await stat(at("out", "tuned", "weights.safetensors"))).mtimeMs).toBe(written.mtimeMs);
    const { rows, gains } = JSON.parse(again.stdout);
    expect(rows.map(({ protocol, step, measured }: Row) => [protocol, step, measured.n])).toEqual([
      ...["before", "at-resolution", "after"].map((step) => ["imagenet-val", step, 12]),
      ...["before", "at-resolution", "after"].map((step) => ["imagenet-real", step, 11]),
      ...["before", "at-resolution", "after"].map((step) => ["imagenet-v2", step, 8]),
    ]);
    expect(gains).toHaveLength(3);
    // Under ReaL's labels a record gives what an evaluation by them does.
    const real = await fixres([
      ...["eval", at("out", "tuned"), "--data", at("imagenet"), "--real", at("real.json"), "--threads", "1", "--json"],
    ]);
    const { top1, top5, n, ci95 } = JSON.parse(real.stdout);
    expect(rows[5].measured).toEqual({ top1, top5, n, ci95 });

    const { report: _, ...printed } = JSON.parse(again.stdout);
    expect(await json("out", "report.json")).toEqual(printed);
    const markdown = await readFile(at("out", "report.md"), "utf8");
    expect(markdown).toContain(
      "| data | network | resolution | pictures | top-1 | 95% interval | top-5 | published top-1 |",
    );
    expect(markdown).toContain("| ImageNet val | as published | 224 | 12 |");
    expect(markdown).toMatch(/\| ImageNet val \| tuned \| 320 \| 12 \| .* \| 79\.30% \| 94\.60% \|/);
    expect(markdown).toContain("ImageNet-V2");

    const text = await fixres(command(...sets).filter((arg) => arg !== "--json"));
    expect(text.stdout).toMatch(/ImageNet ReaL +untuned there +320 +11/);
    expect(text.stdout).toContain("; published: +2.20 points");
    expect(text.stdout).toContain("of which by tuning: ");
  });

  it.each(["before: resolution 224", "tune: classifier+bn, 2 epochs"])(
    "gives the same files when killed at %j and begun again",
    async (kill) => {
      const out = at(`killed-${kill.slice(0, 4)}`);
      const elsewhere = command().map((arg) => (arg === at("out") ? out : arg));
      expect((await fixres(elsewhere, { kill })).code).toBeNull();
      const again = await fixres(elsewhere);
      expect(again.code, again.stderr).toBe(0);
      for (const file of ["tuned/weights.safetensors", "evaluations/before/pictures.parquet"])
        expect((await readFile(join(out, file))).equals(await readFile(at("out", file))), file).toBe(true);
    },
  );

  it("fetches the preset's weights from the hub, and knows where they are from", async () => {
    const hub = await startHub();
    try {
      await fixres(["init", "tf_efficientnet_b0", "--classes", "4", "--out", at("whole")]);
      const content = await readFile(at("whole", "weights.safetensors"));
      const [repo, commit] = ["timm/tf_efficientnet_b0.ap_in1k", "0123456789abcdef0123456789abcdef01234567"];
      hub.repos.set(repo, { commit, branches: ["main"], files: { "model.safetensors": { content, lfs: true } } });
      const env = {
        HF_ENDPOINT: hub.endpoint,
        HF_HUB_CACHE: at("cache"),
        HF_HUB_OFFLINE: undefined,
        HF_TOKEN: undefined,
      };
      const args = ["reproduce", "fixefficientnet-b0", "--data", at("imagenet"), "--recipe", "test"];
      for (const [out, more] of [
        ["fetched", []],
        ["offline", ["--offline"]],
      ] as const) {
        const run = await fixres([...args, "--out", at(out), ...more], { env, kill: "before: resolution 224" });
        expect(run.stderr).toContain("mean 0.5 0.5 0.5");
        const model = await json(out, "model", "model.json");
        expect(model.provenance[0]).toMatchObject({ what: "imported", repo, commit, file: "model.safetensors" });
      }
    } finally {
      await hub.close();
    }
  });

  it("refuses to go on with other settings, and names them", async () => {
    const other = await fixres(command("--epochs", "3", "--seed", "5"));
    expect(other.code).toBe(2);
    expect(other.stderr.trim().split("\n").at(-1)).toMatch(
      /was begun with other settings: seed was 0, is 5; epochs was 2, is 3\. Give the same ones to go on with it, or another --out\.$/,
    );
  });

  it.each<[string, string[], string]>([
    [
      "a preset",
      ["reproduce", "fixefficientnet-b9", "--data", "x", "--out", "y"],
      'the preset "fixefficientnet-b9" is unknown',
    ],
    [
      "a recipe",
      ["reproduce", "fixefficientnet-b0", "--data", "x", "--out", "y", "--recipe", "no"],
      "Allowed choices are test, test+.",
    ],
    ["no data", ["reproduce", "fixefficientnet-b0", "--out", "y"], "required option '--data <path>' not specified"],
  ])("refuses %s in a line", async (_, args, message) => {
    const refused = await fixres(args);
    expect(refused.code).toBe(2);
    expect(refused.stderr.trim()).toContain(message);
    expect(refused.stderr.trim().split("\n")).toHaveLength(1);
  });

  it("refuses weights that are not the preset's, data that are not there, and labels that are none", async () => {
    await writeFile(at("none.json"), "{}");
    for (const [args, message] of [
      [["--weights", at("nowhere.pth"), "--out", at("o1")], /nowhere\.pth" does not exist/],
      [["--data", at("nowhere"), "--out", at("o2")], /nowhere" does not exist/],
      [["--real", at("none.json"), "--out", at("o3")], /ReaL labels ".*none\.json": its content is \{\}/],
      [["--v2", at("nowhere"), "--out", at("o4")], /nowhere/],
    ] as const) {
      const refused = await fixres(command(...args));
      expect(refused.code, refused.stderr).toBe(2);
      expect(refused.stderr.trim().split("\n").at(-1)).toMatch(message);
      expect(refused.stderr).not.toContain("evaluate");
    }
  });

  it("lists all presets in its help", async () => {
    const { stdout } = await fixres(["reproduce", "--help"]);
    expect(stdout).toMatch(
      /fixefficientnet-b0 +tf_efficientnet_b0\.ap_in1k at 320 px, test\+: 77\.1% -> 79\.3% published/,
    );
    expect(stdout).toMatch(/fixefficientnet-l2-extra +tf_efficientnet_l2\.ns_jft_in1k_475 at 600 px/);
  });
});
