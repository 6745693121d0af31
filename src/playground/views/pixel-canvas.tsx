import { useEffect, useRef } from "preact/hooks";
import type { Activation } from "../protocol.js";

interface PixelCanvasProps {
  /** uint8 [side, side, 3] */
  readonly pixels: Uint8Array | null;
  /** px */
  readonly side: number;
  /** Width on the page, in percent of the room. */
  readonly share?: number;
  readonly label: string;
  readonly activation?: Activation | null;
}

/** Evidence for a class is orange and against it blue, which stay apart under every common colour blindness. */
const FOR = [230, 120, 0];
const AGAINST = [0, 90, 200];
/** How much of the picture the strongest evidence hides. */
const STRONGEST = 0.7;

/** A crop as the network gets it, pixel by pixel, and where a class's evidence lies on it. */
export function PixelCanvas({ pixels, side, share = 100, label, activation = null }: PixelCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || pixels === null) return;
    const image = context.createImageData(side, side);
    for (let i = 0; i < side * side; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[3 * i + c]!;
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }, [pixels, side]);
  useEffect(() => {
    const context = overlay.current?.getContext("2d");
    if (!context || activation === null) return;
    const { values, width, height } = activation;
    const image = context.createImageData(width, height);
    for (const [i, value] of values.entries())
      image.data.set([...(value > 0 ? FOR : AGAINST), 255 * STRONGEST * Math.abs(value)], 4 * i);
    context.putImageData(image, 0, 0);
  }, [activation]);
  return (
    <div class="pixels" style={{ width: `${share}%` }}>
      <canvas ref={canvas} width={side} height={side} role="img" aria-label={label} />
      {activation && <canvas ref={overlay} class="overlay" width={activation.width} height={activation.height} />}
    </div>
  );
}
