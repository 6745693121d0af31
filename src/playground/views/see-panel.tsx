import { useMemo, useState } from "preact/hooks";
import { CROP_SCALE } from "../../data/pure.js";
import { apparentSizes } from "../../fixres/pure.js";
import { type Picture, testTransform } from "../../pixels/index.js";
import type { Client } from "../client.js";
import type { ModelCard, Slot } from "../protocol.js";
import { resolutionsOf } from "../resolutions.js";
import { PixelCanvas } from "./pixel-canvas.js";
import { TrainingView } from "./training-view.js";
import { Verdict } from "./verdict.js";

interface SeePanelProps {
  readonly client: Client;
  readonly cards: Readonly<Partial<Record<Slot, ModelCard>>> & { readonly base: ModelCard };
  readonly picture: Picture;
  readonly resolution: number;
  readonly setResolution: (resolution: number) => void;
  readonly failed: (error: unknown) => void;
}

/** Training and test side by side, and what both models make of the test's crop. */
export function SeePanel({ client, cards, picture, resolution, setResolution, failed }: SeePanelProps) {
  const { base, fixed } = cards;
  const { min, max, step } = resolutionsOf(base);
  const [chosen, setSmallest] = useState<number | null>(null);
  const smallest = chosen ?? base.smallestCrop;
  const { trainResolution, preprocessing } = base;
  const apparent = useMemo(
    () => apparentSizes([picture], { resolution: trainResolution, scale: [smallest, 1] }, 0),
    [picture, trainResolution, smallest],
  );
  const pixels = useMemo(() => {
    const bytes = new Uint8Array(resolution ** 2 * 3);
    testTransform({ ...preprocessing, resolution }).apply(picture, bytes, 0);
    return bytes;
  }, [picture, preprocessing, resolution]);
  const { magnification, ratio } = apparent.test({ ...preprocessing, resolution });
  const same = useMemo(() => apparent.sameSize(preprocessing), [apparent, preprocessing]);
  const share = (side: number): number => (100 * side) / Math.max(max, trainResolution);
  return (
    <section aria-labelledby="see">
      <h2 id="see">2. What the network sees</h2>
      <div class="control">
        <label class="field">
          <span>
            test resolution <strong>{resolution} px</strong>
          </span>
          <input
            type="range"
            min={min}
            max={max}
            step={step}
            value={resolution}
            aria-valuetext={`${resolution} pixels`}
            onInput={({ currentTarget }) => setResolution(Number(currentTarget.value))}
          />
        </label>
        <p class="ratio" aria-live="polite">
          Objects look <strong>{ratio.mean.toFixed(2)}</strong> times as large as in training.{" "}
          {sizeAdvice(ratio.mean, same)}
        </p>
      </div>
      <p>Both are drawn to one scale, so that objects are as large here as the network gets them.</p>
      <div class="pair">
        <div class="card">
          <h3>In training: random resized crops</h3>
          <TrainingView picture={picture} card={base} smallest={smallest} share={share(trainResolution)} />
          <p class="figure">
            <strong>{apparent.train.mean.toFixed(2)}</strong> pixels for each pixel of the picture on average, mostly{" "}
            {apparent.train.p10.toFixed(2)} to {apparent.train.p90.toFixed(2)}
          </p>
          <label class="field">
            smallest crop, share of the picture's area
            <select value={String(smallest)} onChange={({ currentTarget }) => setSmallest(Number(currentTarget.value))}>
              {[CROP_SCALE[0], 0.25, 0.5, 0.8].map((least) => (
                <option key={least} value={String(least)}>
                  {100 * least}%
                </option>
              ))}
            </select>
          </label>
        </div>
        <div class="card">
          <h3>In the test: resized, and the centre</h3>
          <div class="stage">
            <PixelCanvas
              pixels={pixels}
              side={resolution}
              share={share(resolution)}
              label={`The test's crop at ${resolution} px`}
            />
          </div>
          <p class="figure">
            <strong>{magnification.mean.toFixed(2)}</strong> pixels for each pixel of the picture
          </p>
        </div>
      </div>
      <h2 id="says">3. What it says</h2>
      <div class="pair">
        <Verdict {...{ client, pixels, resolution, failed }} slot="base" title="Base model" card={base} />
        {fixed ? (
          <Verdict {...{ client, pixels, resolution, failed }} slot="fixed" title="Fixed model" card={fixed} />
        ) : (
          <section class="card" aria-label="Fixed model">
            <h3>Fixed model</h3>
            <p>There is none yet. Fix the base model below, or open one above.</p>
          </section>
        )}
      </div>
    </section>
  );
}

function sizeAdvice(ratio: number, same: number): string {
  if (Math.abs(ratio - 1) < 0.03) return "That is what the network is used to.";
  const how = ratio < 1 ? "smaller" : "larger";
  return `That is ${how} than the network is used to; at ${same} px they would look alike.`;
}
