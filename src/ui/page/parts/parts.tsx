import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { RunSummary } from "../api.js";
import type { Loaded } from "../live.js";
import { percent } from "../text.js";

/** A view's heading; what is read first after a change of view. */
export function Heading({ children, title }: { readonly children: ComponentChildren; readonly title: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} – fixres`;
  }, [title]);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}

const MARKS = { running: "▶", done: "✓", failed: "✕", stopped: "■" } as const;

/** What a run is at, by sign and word, not by colour alone. */
export const Status = ({ status }: Pick<RunSummary, "status">) => (
  <span class={`status ${status}`}>
    <span aria-hidden="true">{MARKS[status]}</span> {status}
  </span>
);

export function ProgressBar({ progress }: { readonly progress: NonNullable<RunSummary["progress"]> }) {
  const { task, done, total, unit } = progress;
  return (
    <span class="progress">
      <progress aria-label={task} max={Math.max(total, 1)} value={done} />
      <small>
        {task}: {done} of {total} {unit}
        {total > 0 && ` (${percent(done / total)})`}
      </small>
    </span>
  );
}

/** What could not be had. */
export const Fault = ({ error }: { readonly error: Error | null }) =>
  error === null ? null : (
    <p class="fault" role="alert">
      {error.message}
    </p>
  );

/** What was loaded, once it is there. */
export function Content<T>({
  of,
  children,
}: {
  readonly of: Loaded<T>;
  readonly children: (data: T) => ComponentChildren;
}) {
  return (
    <>
      <Fault error={of.error} />
      {of.data !== null ? children(of.data) : of.error === null && <p class="quiet">Loading …</p>}
    </>
  );
}

/** Links to the pages of a list. */
export function Pager({
  page,
  size,
  total,
  href,
  label,
}: {
  readonly page: number;
  readonly size: number;
  readonly total: number;
  readonly href: (page: number) => string;
  readonly label: string;
}) {
  const last = Math.max(0, Math.ceil(total / size) - 1);
  if (last === 0) return null;
  const link = (to: number, text: string, off: boolean) =>
    off ? (
      <span class="button off">{text}</span>
    ) : (
      <a class="button" href={href(to)}>
        {text}
      </a>
    );
  return (
    <nav class="pager" aria-label={label}>
      {link(0, "First", page === 0)}
      {link(page - 1, "Previous", page === 0)}
      <span>
        Page {(page + 1).toLocaleString("en")} of {(last + 1).toLocaleString("en")}
      </span>
      {link(page + 1, "Next", page >= last)}
      {link(last, "Last", page >= last)}
    </nav>
  );
}

/** What may be larger than its place; keys scroll it. @param by - id of what names it */
export const Scroll = ({ by, children }: { readonly by: string; readonly children: ComponentChildren }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reached by keyboard
  <section class="scroll" tabIndex={0} aria-labelledby={by}>
    {children}
  </section>
);
