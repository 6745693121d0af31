import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { answer, api, type CommandForm, Refusal } from "../api.js";
import { useLoaded } from "../live.js";
import { Content, Fault, Heading } from "../parts/parts.js";

type Options = CommandForm["options"];

/** A form for each command, made of what the command line says of itself. */
export function StartView() {
  const loaded = useLoaded("commands", () => answer(api.commands.$get()), []);
  const models = useLoaded("models", () => answer(api.models.$get()), []);
  const { query, route } = useLocation();
  return (
    <>
      <Heading title="Start a run">Start a run</Heading>
      <Content of={loaded}>
        {({ commands, cwd }) => {
          const command = commands.find(({ name }) => name === query.command) ?? commands[0]!;
          return (
            <>
              <fieldset class="tabs">
                <legend class="hidden">Command</legend>
                {commands.map(({ name }) => (
                  <button
                    key={name}
                    type="button"
                    aria-pressed={name === command.name}
                    onClick={() => route(`/start?command=${name}`, true)}
                  >
                    {name}
                  </button>
                ))}
              </fieldset>
              <p>{command.description}</p>
              <p class="quiet">Paths begin at {cwd}.</p>
              <datalist id="models">
                {models.data?.models.map(({ id, name }) => (
                  <option key={id} value={`${models.data!.root}/${name}`} />
                ))}
              </datalist>
              <Form key={command.name} command={command} />
            </>
          );
        }}
      </Content>
    </>
  );
}

/** A name that is free, most likely: the command and the time. */
const someName = (command: string): string =>
  `${command}-${new Date().toISOString().slice(0, 19).replaceAll(/[:T]/g, "-")}`;

function Form({ command }: { readonly command: CommandForm }) {
  const { route } = useLocation();
  const [values, setValues] = useState<Readonly<Record<string, string | true>>>({});
  const [given, setGiven] = useState<readonly string[]>(command.arguments.map(() => ""));
  const [name, setName] = useState(() => someName(command.name));
  const [error, setError] = useState<Refusal | null>(null);
  const [busy, setBusy] = useState(false);
  const set = (option: string, value: string | true): void => {
    const { [option]: _, ...rest } = values;
    setValues(value === "" ? rest : { ...rest, [option]: value });
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const json = { command: command.name, name, arguments: [...given], options: { ...values } };
      const { run } = await answer(api.runs.$post({ json }));
      route(`/runs/${run.id}`);
    } catch (refusal) {
      setError(refusal instanceof Refusal ? refusal : new Refusal(String(refusal), 0, null));
    } finally {
      setBusy(false);
    }
  };
  const wrong = (field: string) =>
    error?.field === field ? { "aria-invalid": true, "aria-describedby": "fault" } : {};
  const first = command.options.filter(({ name: option, required }) => required || FIRST.includes(option));
  const others = command.options.filter((option) => !first.includes(option));
  const fields = (options: Options) =>
    options.map((option) => <Field key={option.name} {...{ option, value: values[option.name] ?? "", set, wrong }} />);
  return (
    <form class="form" onSubmit={submit}>
      <label>
        Name of the run
        <input required value={name} onInput={(event) => setName(event.currentTarget.value)} {...wrong("name")} />
        <small class="quiet">Its folder, below the runs folder.</small>
      </label>
      {command.arguments.map((argument, i) => (
        <label key={argument.name}>
          <span>
            {argument.name}
            {argument.required && <Needed />}
          </span>
          <input
            required={argument.required}
            list="models"
            value={given[i]}
            onInput={(event) => setGiven(given.map((old, k) => (k === i ? event.currentTarget.value : old)))}
            {...wrong(argument.name)}
          />
          <small class="quiet">{argument.description}</small>
        </label>
      ))}
      {fields(first)}
      <details>
        <summary>{others.length} more options</summary>
        <div class="form">{fields(others)}</div>
      </details>
      <div id="fault">
        <Fault error={error} />
      </div>
      <button type="submit" class="main" disabled={busy}>
        Start
      </button>
    </form>
  );
}

/** Options that are shown at once. */
const FIRST = ["data", "resolution", "resolutions", "epochs", "learning-rate", "tune", "from"];

const Needed = () => <span class="quiet"> (needed)</span>;

function Field({
  option: { name, description, kind, choices, required, standard },
  value,
  set,
  wrong,
}: {
  readonly option: Options[number];
  readonly value: string | true;
  readonly set: (name: string, value: string | true) => void;
  readonly wrong: (name: string) => object;
}) {
  if (kind === "flag") {
    return (
      <label class="check">
        <input
          type="checkbox"
          checked={value === true}
          onChange={(event) => set(name, event.currentTarget.checked ? true : "")}
          {...wrong(name)}
        />
        <span>
          {name} <small class="quiet">{description}</small>
        </span>
      </label>
    );
  }
  const text = value === true ? "" : value;
  const change = (event: { readonly currentTarget: HTMLInputElement | HTMLSelectElement }): void =>
    set(name, event.currentTarget.value);
  return (
    <label for={`option-${name}`}>
      <span>
        {name}
        {required && <Needed />}
      </span>
      {choices !== undefined ? (
        <select id={`option-${name}`} value={text} onChange={change} {...wrong(name)}>
          <option value="">{standard === undefined ? "–" : `${standard} (unless chosen)`}</option>
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : (
        <input
          id={`option-${name}`}
          required={required}
          value={text}
          placeholder={standard}
          onInput={change}
          {...wrong(name)}
        />
      )}
      <small class="quiet">{description}</small>
    </label>
  );
}
