import { useEffect, useRef, useState } from "preact/hooks";
import { answer, api, Refusal } from "../api.js";
import { useLoaded } from "../live.js";
import { Content, Fault, Heading } from "../parts/parts.js";
import { percent } from "../text.js";

interface Shown {
  readonly name: string;
  readonly url: string;
  readonly error: string | null;
  readonly top: readonly {
    readonly class: string;
    readonly name?: string;
    readonly index: number;
    readonly probability: number;
  }[];
}

/** Pictures of one's own, shown to a model. */
export function PredictView() {
  const loaded = useLoaded("models", () => answer(api.models.$get()), []);
  return (
    <>
      <Heading title="Try a model">Try a model</Heading>
      <Content of={loaded}>
        {({ models, limits }) =>
          models.length === 0 ? (
            <p class="empty">There is no model below the runs folder yet.</p>
          ) : (
            <Upload models={models} limits={limits} />
          )
        }
      </Content>
    </>
  );
}

interface UploadProps {
  readonly models: readonly { readonly id: string; readonly name: string }[];
  readonly limits: { readonly files: number; readonly fileBytes: number; readonly pixels: number };
}

function Upload({ models, limits }: UploadProps) {
  const [model, setModel] = useState(models[0]!.id);
  const [files, setFiles] = useState<readonly File[]>([]);
  const [shown, setShown] = useState<readonly Shown[]>([]);
  const [error, setError] = useState<Refusal | null>(null);
  const [busy, setBusy] = useState(false);
  const [over, setOver] = useState(false);
  const urls = useRef<string[]>([]);
  useEffect(() => () => urls.current.forEach(URL.revokeObjectURL), []);
  const predict = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const form = new FormData();
      for (const file of files) form.append("pictures", file);
      const url = api.models[":id"].predict.$url({ param: { id: model } });
      const { predictions } = await answer<{ predictions: Omit<Shown, "url">[] }>(
        fetch(url, { method: "POST", body: form }),
      );
      urls.current.forEach(URL.revokeObjectURL);
      urls.current = files.map((file) => URL.createObjectURL(file));
      setShown(predictions.map((one, i) => ({ ...one, url: urls.current[i]! })));
    } catch (refusal) {
      setError(refusal instanceof Refusal ? refusal : new Refusal(String(refusal), 0, null));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <form class="form" onSubmit={predict}>
        <label>
          Model
          <select value={model} onChange={(event) => setModel(event.currentTarget.value)}>
            {models.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label
          class={`drop ${over ? "over" : ""}`}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault();
            setOver(false);
            setFiles([...(event.dataTransfer?.files ?? [])]);
          }}
        >
          <span>Pictures: choose them, or drop them here</span>
          <input
            type="file"
            multiple
            accept="image/*"
            onChange={(event) => setFiles([...(event.currentTarget.files ?? [])])}
          />
          <small class="quiet">
            {files.length > 0 ? `${files.length} chosen. ` : ""}Up to {limits.files} at a time, each up to{" "}
            {Math.round(limits.fileBytes / 2 ** 20)} MiB and {limits.pixels / 1e6} million pixels.
          </small>
        </label>
        <Fault error={error} />
        <button type="submit" class="main" disabled={busy || files.length === 0}>
          {busy ? "Looking …" : "What do they show?"}
        </button>
      </form>
      <div aria-live="polite">
        {shown.length > 0 && (
          <ul class="cards">
            {shown.map((one) => (
              <li key={one.url} class="card guess">
                {one.error === null && <img src={one.url} alt={one.name} />}
                <h2 class="clip">{one.name}</h2>
                {one.error === null ? <Guesses top={one.top} /> : <p class="fault">{one.error}</p>}
              </li>
            ))}
          </ul>
        )}
      </div>
    </>
  );
}

const Guesses = ({ top }: Pick<Shown, "top">) => (
  <ol class="guesses">
    {top.map((guess) => (
      <li key={guess.index}>
        <span>{guess.name ?? guess.class}</span>
        <span class="number">{percent(guess.probability)}</span>
        <meter min={0} max={1} value={guess.probability} aria-hidden="true" />
      </li>
    ))}
  </ol>
);
