import { homedir } from "node:os";
import { RequestError } from "../../errors.js";

/** Where the hub is and where its files are kept. */
export interface HubSettings {
  /** Address of the hub or of a mirror, without a slash at its end. */
  readonly endpoint: string;
  /** Folder of repositories, laid out as every client of the hub has it. */
  readonly cache: string;
  /** For private and gated repositories. */
  readonly token: string | undefined;
  /** Only the cache is looked at. */
  readonly offline: boolean;
}

/** What the hub's clients take for yes. */
const YES = ["1", "ON", "YES", "TRUE"];

/**
 * Settings by the variables that all clients of the hub know: `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`, and for the cache
 * `HF_HUB_CACHE`, `HF_HOME` or `XDG_CACHE_HOME`.
 * @throws {RequestError} where one is malformed
 */
export async function hubSettings(): Promise<HubSettings> {
  // Loaded when it is needed: most commands never ask the hub.
  const { getHFHubCachePath, HUB_URL } = await import("@huggingface/hub");
  const { HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE = "" } = process.env;
  return {
    endpoint: HF_ENDPOINT ? endpoint(HF_ENDPOINT, HUB_URL) : HUB_URL,
    cache: getHFHubCachePath().replace(/^~(?=[/\\])/, homedir()),
    token: token(HF_TOKEN),
    offline: YES.includes(HF_HUB_OFFLINE.toUpperCase()),
  };
}

function endpoint(text: string, usual: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  // A password in it is not shown, and fetch would not take it.
  if (url !== null && (url.username !== "" || url.password !== ""))
    throw new RequestError("HF_ENDPOINT holds a user or password; give the address alone, and a token in HF_TOKEN.");
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "")
    throw new RequestError(`HF_ENDPOINT is ${JSON.stringify(text)}; give an address such as ${usual}.`);
  return text.replace(/\/+$/, "");
}

function token(text: string | undefined): string | undefined {
  const value = text?.trim();
  // Checked here, since the error of an invalid header would show it.
  if (value !== undefined && !/^[\x21-\x7e]*$/.test(value))
    throw new RequestError("HF_TOKEN holds characters that no token has; copy it again (it is not shown here).");
  return value === "" ? undefined : value;
}
