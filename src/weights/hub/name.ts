import { RequestError } from "../../errors.js";

/** What a name such as `hub:timm/tf_efficientnet_b0.ns_jft_in1k@main:model.safetensors` asks for. */
export interface HubName {
  /** `OWNER/NAME`. */
  readonly repo: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** The weight file in it; null for the usual ones. */
  readonly file: string | null;
}

const FORM = /^hub:([^@:]*)(?:@([^:]*))?(?::(.*))?$/s;

/** Owner and name as the hub allows them; `--` joins them in the cache, so neither may hold it. */
const REPO = /^\w([\w.-]*\w)?\/\w([\w.-]*\w)?$/;

/** A part of a branch's or tag's name. */
const REVISION_PART = /^[\w+-][\w.+-]*$/;

/**
 * A hub's name in its parts, or null where the text does not begin with `hub:`.
 * Whatever passes here may stand in a path: nothing in it leads upwards or anywhere absolute.
 * @throws {RequestError} where it is malformed
 */
export function hubName(text: string): HubName | null {
  if (!text.startsWith("hub:")) return null;
  const form = "hub:OWNER/NAME, hub:OWNER/NAME@REVISION or hub:OWNER/NAME:FILE";
  const [, repo = "", revision = "main", file = null] = FORM.exec(text) ?? [];
  if (!REPO.test(repo) || /--|\.\./.test(repo))
    throw new RequestError(
      `${JSON.stringify(text)} names no repository; give ${form}, such as hub:timm/tf_efficientnet_b0.ns_jft_in1k.`,
    );
  if (!revision.split("/").every((part) => REVISION_PART.test(part)) || revision.includes(".."))
    throw new RequestError(`${JSON.stringify(text)} names no revision; give a branch, a tag or a commit behind the @.`);
  if (file !== null && !isInside(file))
    throw new RequestError(`${JSON.stringify(text)} names no file of a repository; give ${form}.`);
  return { repo, revision, file };
}

/** Whether a repository's path stays inside a folder that it is joined to, on Windows too. */
const isInside = (path: string): boolean =>
  !/[\\:\p{Cc}]/u.test(path) && path.split("/").every((part) => !["", ".", ".."].includes(part));

/** A name that gives the same bytes for ever: with a commit and a file. */
export const pinned = ({ repo, commit, file }: { repo: string; commit: string; file: string }): string =>
  `hub:${repo}@${commit}:${file}`;
