import { useEffect, useMemo, useState } from "preact/hooks";
import { CROP_RATIO, randomCrop, trainTransform } from "../../data/pure.js";
import type { Picture } from "../../pixels/index.js";
import { random } from "../../random.js";
import { useReducedMotion } from "../hooks.js";
import type { ModelCard } from "../protocol.js";
import { PixelCanvas } from "./pixel-canvas.js";
import { CroppedFrom } from "./thumbnail.js";

/** Between two crops, ms: slow enough to be looked at. */
const PACE = 1200;

interface TrainingViewProps {
  readonly picture: Picture;
  readonly card: ModelCard;
  /** Share of the picture's area that the smallest crop takes. */
  readonly smallest: number;
  /** Width of the crop on the page, in percent of the room. */
  readonly share: number;
}

/** Random resized crops, one after another, as training takes them; still where motion is not wanted. */
export function TrainingView({ picture, card, smallest, share }: TrainingViewProps) {
  const reduced = useReducedMotion();
  const [running, setRunning] = useState(!reduced);
  const [draw, setDraw] = useState(0);
  useEffect(() => setRunning(!reduced), [reduced]);
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setDraw((n) => n + 1), PACE);
    return () => clearInterval(timer);
  }, [running]);
  const { trainResolution, preprocessing } = card;
  const { pixels, box } = useMemo(() => {
    const { interpolation } = preprocessing;
    const scale = [smallest, 1] as const;
    const stream = () => random(0, "playground", draw);
    const bytes = new Uint8Array(trainResolution ** 2 * 3);
    trainTransform({ resolution: trainResolution, interpolation, scale }).apply(picture, bytes, 0, stream());
    return { pixels: bytes, box: randomCrop(picture, scale, CROP_RATIO, stream()) };
  }, [picture, preprocessing, trainResolution, smallest, draw]);
  const area = Math.round((100 * box.width * box.height) / (picture.width * picture.height));
  return (
    <div>
      <div class="stage">
        <PixelCanvas pixels={pixels} side={trainResolution} share={share} label="A random crop, as in training" />
      </div>
      <div class="origin">
        <CroppedFrom picture={picture} box={box} />
        <p class="caption">
          a crop of {area}% of the picture, at {trainResolution} px
        </p>
      </div>
      <p class="buttons">
        <button type="button" onClick={() => setRunning(!running)} aria-pressed={running}>
          {running ? "Pause" : "Play"}
        </button>
        <button type="button" onClick={() => setDraw(draw + 1)}>
          Another crop
        </button>
      </p>
    </div>
  );
}
