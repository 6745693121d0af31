import type { Picture } from "../../pixels/index.js";
import type { PictureSource } from "../../web/tune.js";
import type { Example } from "../pictures.js";
import { FileButton } from "./file-button.js";
import { reduced, Thumbnail } from "./thumbnail.js";

interface PicturePanelProps {
  readonly picture: Picture | null;
  readonly name: string;
  readonly examples: readonly Example[];
  readonly choose: (source: PictureSource, name: string) => void;
}

/** Which picture is looked at: one of the visitor's, or an example. */
export function PicturePanel({ picture, name, examples, choose }: PicturePanelProps) {
  const seen = new Set<string>();
  const first = examples.filter(({ class: own }) => !seen.has(own) && seen.add(own));
  return (
    <section aria-labelledby="picture">
      <h2 id="picture">1. A picture</h2>
      <p>
        Drop one anywhere on this page, paste one, choose a file, or take an example. It stays in this page: nothing is
        uploaded.
      </p>
      <div class="chosen">
        {picture && <Thumbnail pixels={reduced(picture)} label={name} large />}
        <div>
          {picture && (
            <p class="caption">
              {name}, {picture.width} x {picture.height} px
            </p>
          )}
          <p class="buttons">
            <FileButton
              label="Choose a picture"
              accept="image/jpeg,image/png,image/webp"
              onFiles={([file]) => file && choose(file, file.name)}
            />
          </p>
          <ul class="examples" aria-label="Examples">
            {first.map(({ class: own, pixels }) => (
              <li key={own}>
                <button type="button" onClick={() => choose(pixels, `example: ${own}`)} title={own}>
                  <Thumbnail pixels={pixels} label={`example: ${own}`} />
                </button>
              </li>
            ))}
          </ul>
        </div>
      </div>
    </section>
  );
}
