import { useState } from "preact/hooks";
import type { Client } from "../client.js";
import { useLatest } from "../hooks.js";
import type { Activation, ModelCard, Slot } from "../protocol.js";
import { PixelCanvas } from "./pixel-canvas.js";

/** Classes that are listed. */
const LISTED = 5;

interface VerdictProps {
  readonly client: Client;
  readonly slot: Slot;
  readonly title: string;
  readonly card: ModelCard;
  /** What the test makes of the picture, uint8 [R, R, 3]. */
  readonly pixels: Uint8Array;
  readonly resolution: number;
  readonly failed: (error: unknown) => void;
}

/** What a model says of the crop, and what of the picture makes it say so. */
export function Verdict({ client, slot, title, card, pixels, resolution, failed }: VerdictProps) {
  const [wanted, setWanted] = useState<number | null>(null);
  const shown = wanted !== null && wanted < card.classes.length ? wanted : null;
  const possible = card.only === null || card.only === resolution;
  const looked = useLatest(
    possible ? () => client.call("look", { slot, resolution, pixels, shown }) : null,
    [card, pixels, shown, possible],
    failed,
  );
  const ranked = looked === null ? [] : rank(looked.probabilities);
  const [best] = ranked;
  const name = (label: number) => card.classes[label] ?? "";
  return (
    <section class="card" aria-label={title}>
      <h3>{title}</h3>
      <p class="caption">{card.name}</p>
      {!possible && (
        <p>
          This file was exported for {card.only} px; move the slider there, or export it again for another resolution.
        </p>
      )}
      {looked && best !== undefined && (
        <>
          <div class="verdict">
            <PixelCanvas
              pixels={pixels}
              side={resolution}
              label={`The crop, and where evidence for ${name(looked.shown)} lies`}
              activation={looked.activation && isOnePixel(looked.activation) ? null : looked.activation}
            />
            <ol class="bars">
              {ranked.slice(0, LISTED).map((label) => (
                <li key={label}>
                  <span class="bar" style={{ width: `${100 * looked.probabilities[label]!}%` }} />
                  <span class="bar-label">{name(label)}</span>
                  <span class="bar-value">{(100 * looked.probabilities[label]!).toFixed(1)}%</span>
                </li>
              ))}
            </ol>
          </div>
          <label class="field">
            evidence for
            <select
              value={shown === null ? "" : String(shown)}
              onChange={({ currentTarget }) =>
                setWanted(currentTarget.value === "" ? null : Number(currentTarget.value))
              }
            >
              <option value="">the likeliest class ({name(best)})</option>
              {card.classes.slice(0, 1000).map((own, label) => (
                <option key={own} value={String(label)}>
                  {own}
                </option>
              ))}
            </select>
          </label>
          <p class="caption">
            {looked.activation === null
              ? "This network has no last maps that a linear classifier takes, so no evidence is shown."
              : mapCaption(looked.activation)}
          </p>
        </>
      )}
    </section>
  );
}

/** One colour over the whole picture would say nothing. */
const isOnePixel = ({ width, height }: Activation): boolean => width * height === 1;

const mapCaption = (activation: Activation): string =>
  isOnePixel(activation)
    ? "Its last maps are 1 x 1 here, so that evidence has no place; it has one at larger resolutions."
    : `Orange speaks for the class, blue against it; the last maps are ${activation.width} x ${activation.height}.`;

/** Classes, likeliest first. */
const rank = (probabilities: Float32Array): number[] =>
  Array.from(probabilities, (_, label) => label).sort((a, b) => probabilities[b]! - probabilities[a]!);
