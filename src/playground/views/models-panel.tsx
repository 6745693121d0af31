import type { ModelCard, Slot } from "../protocol.js";
import { FileButton } from "./file-button.js";

interface ModelsPanelProps {
  readonly cards: Readonly<Partial<Record<Slot, ModelCard>>>;
  readonly open: (slot: Slot, file: File) => void;
  readonly reset: () => void;
}

/** Which models are compared. */
export function ModelsPanel({ cards, open, reset }: ModelsPanelProps) {
  const button = (slot: Slot, label: string) => (
    <FileButton label={label} accept=".onnx" onFiles={([file]) => file && open(slot, file)} />
  );
  return (
    <details class="models">
      <summary>
        Models: {cards.base?.name ?? "none"}
        {cards.fixed ? ` and ${cards.fixed.name}` : ""}
      </summary>
      <p>
        Open your own, as <code>fixres export</code> writes them (float32); or drop an .onnx file on this page as the
        base model.
      </p>
      <p class="buttons">
        {button("base", "Open a base model")}
        {button("fixed", "Open a fixed model")}
        <button type="button" onClick={reset}>
          Back to the two small models
        </button>
      </p>
    </details>
  );
}
