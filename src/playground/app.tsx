import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { MAX_PIXELS, type Picture } from "../pixels/index.js";
import { type PictureSource, readPicture } from "../web/tune.js";
import type { Client } from "./client.js";
import { dropped, type Example, examplesOf, type PictureSet, setOf } from "./pictures.js";
import type { ModelCard, Slot } from "./protocol.js";
import { resolutionsOf } from "./resolutions.js";
import { FixPanel } from "./views/fix-panel.js";
import { ModelsPanel } from "./views/models-panel.js";
import { PicturePanel } from "./views/picture-panel.js";
import { SeePanel } from "./views/see-panel.js";

type Cards = Readonly<Partial<Record<Slot, ModelCard>>>;

const bytesOf = async (url: string): Promise<Uint8Array<ArrayBuffer>> => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} cannot be fetched: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
};

/** The whole page. */
export function App({ client }: { readonly client: Client }) {
  const [cards, setCards] = useState<Cards>({});
  const [picture, setPicture] = useState<{ readonly picture: Picture; readonly name: string } | null>(null);
  const [examples, setExamples] = useState<readonly Example[]>([]);
  const [resolution, setResolution] = useState(0);
  const [set, setSet] = useState<PictureSet | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [over, setOver] = useState(false);

  /** Whether the base model wants pictures turned as their EXIF block says. */
  const turned = useRef(false);
  turned.current = cards.base?.preprocessing.exifOrientation === true;

  const failed = useCallback((error: unknown) => setFault(error instanceof Error ? error.message : String(error)), []);
  const attempt = useCallback((work: () => Promise<void>) => {
    setFault(null);
    work().catch(failed);
  }, []);

  const choose = useCallback(
    (source: PictureSource, name: string) =>
      attempt(async () => setPicture({ picture: await readPicture(source, MAX_PIXELS, turned.current), name })),
    [],
  );
  const use = (now: Cards & { readonly base: ModelCard }) => {
    setCards(now);
    const { min, max } = resolutionsOf(now.base);
    setResolution((old) => (old >= min && old <= max && old > 0 ? old : (now.base.only ?? now.base.trainResolution)));
  };
  const reset = useCallback(
    () =>
      attempt(async () => {
        const shipped = await client.call("shipped", await bytesOf("models.safetensors"));
        use(shipped);
        const all = await examplesOf("examples.png", shipped.base.classes);
        setExamples(all);
        const [first] = all;
        if (first) setPicture((old) => old ?? { picture: rgbOf(first.pixels), name: `example: ${first.class}` });
      }),
    [],
  );
  const open = useCallback(
    (slot: Slot, file: File) =>
      attempt(async () => {
        const bytes = new Uint8Array(await file.arrayBuffer());
        const card = await client.call("load", { slot, bytes, name: file.name });
        if (slot === "base") use({ base: card });
        else setCards((now) => ({ ...now, fixed: card }));
      }),
    [],
  );
  const take = useCallback(async (files: readonly { readonly path: string; readonly file: File }[]) => {
    const [first] = files;
    if (first === undefined) return;
    if (files.length > 1 || first.path.includes("/")) setSet(setOf(first.path.split("/")[0]!, files));
    else if (first.file.name.endsWith(".onnx")) open("base", first.file);
    else choose(first.file, first.file.name);
  }, []);

  useEffect(reset, []);
  useEffect(() => {
    const paste = ({ clipboardData }: ClipboardEvent) => {
      const file = clipboardData?.files[0];
      if (file) choose(file, file.name);
    };
    addEventListener("paste", paste);
    return () => removeEventListener("paste", paste);
  }, []);

  const { base } = cards;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one way of several; all have buttons too.
    <div
      class={over ? "page over" : "page"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (event.dataTransfer) attempt(async () => take(await dropped(event.dataTransfer!.items)));
      }}
    >
      <header>
        <h1>The resolution playground</h1>
        <p class="lead">
          Classifiers are trained on random crops, which make objects look larger than the centre crop of a test does.
          Tested at a higher resolution, objects look as they did in training; a few minutes of fine-tuning the last
          layers there does the rest. That is <a href="https://arxiv.org/abs/1906.06423">FixRes</a>. Try it on your own
          pictures: all is computed in this page.
        </p>
        <ModelsPanel cards={cards} open={open} reset={reset} />
      </header>
      <div role="alert">{fault && <p class="fault">{fault}</p>}</div>
      <main>
        <PicturePanel
          picture={picture?.picture ?? null}
          name={picture?.name ?? ""}
          examples={examples}
          choose={choose}
        />
        {base && picture && resolution > 0 && (
          <SeePanel
            {...{ client, resolution, setResolution, failed }}
            cards={{ ...cards, base }}
            picture={picture.picture}
          />
        )}
        {base && resolution > 0 && (
          <FixPanel
            {...{ client, base, resolution, examples, set, setSet, failed }}
            fixed={(card) => setCards((now) => ({ ...now, fixed: card }))}
          />
        )}
        {!base && !fault && <p role="status">Opening the models ...</p>}
      </main>
      <footer>
        <p>
          Made with fixres. The two small models are EfficientNet-B0 at half its width and depth, trained on
          Fashion-MNIST; the examples are pictures of that which neither has seen.
        </p>
      </footer>
    </div>
  );
}

function rgbOf({ width, height, data }: ImageData): Picture {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) rgb[3 * i + c] = data[4 * i + c]!;
  return { width, height, data: rgb };
}
