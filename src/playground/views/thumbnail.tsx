import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Box, Picture } from "../../pixels/index.js";

/** Most pixels of a side that a thumbnail of one's own picture has. */
const LARGEST = 480;

/** A smaller copy, for the eye alone. */
export function reduced({ width, height, data }: Picture): ImageData {
  const every = Math.max(1, Math.ceil(Math.max(width, height) / LARGEST));
  const [columns, rows] = [Math.ceil(width / every), Math.ceil(height / every)];
  const image = new ImageData(columns, rows);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const from = 3 * (y * every * width + x * every);
      image.data.set([data[from]!, data[from + 1]!, data[from + 2]!, 255], 4 * (y * columns + x));
    }
  }
  return image;
}

interface ThumbnailProps {
  readonly pixels: ImageData;
  readonly label: string;
  readonly large?: boolean;
}

export function Thumbnail({ pixels, label, large = false }: ThumbnailProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => canvas.current?.getContext("2d")?.putImageData(pixels, 0, 0), [pixels]);
  const { width, height } = pixels;
  return (
    <canvas
      ref={canvas}
      class={large ? "large" : "small"}
      width={width}
      height={height}
      role="img"
      aria-label={label}
    />
  );
}

/** The whole picture, and where a crop lies in it. */
export function CroppedFrom({ picture, box }: { readonly picture: Picture; readonly box: Box }) {
  const { width, height } = picture;
  const pixels = useMemo(() => reduced(picture), [picture]);
  const percent = (part: number, whole: number): string => `${(100 * part) / whole}%`;
  return (
    <div class="cropped-from" style={{ aspectRatio: `${width} / ${height}` }}>
      <Thumbnail pixels={pixels} label="The whole picture, and where the crop lies" />
      <span
        style={{
          left: percent(box.left, width),
          top: percent(box.top, height),
          width: percent(box.width, width),
          height: percent(box.height, height),
        }}
      />
    </div>
  );
}
