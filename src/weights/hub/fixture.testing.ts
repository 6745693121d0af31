import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { noise } from "../../engine.testing.js";
import { fetchFromHub, type HubWeights } from "./fetch.js";
import { hubName } from "./name.js";
import { hashOf, startHub, type TestHub, type TestRepo } from "./server.testing.js";
import type { HubSettings } from "./settings.js";

export const NAME = "timm/tf_efficientnet_b0.ns_jft_in1k";
export const COMMIT = "0123456789abcdef0123456789abcdef01234567";
/** 2.4 MB. */
export const CONTENT = new Uint8Array(noise("weights", [600_000]).buffer);
export const REPO: TestRepo = {
  commit: COMMIT,
  branches: ["main", "refs/pr/1"],
  files: {
    "README.md": { content: Buffer.from("# weights"), lfs: false },
    "config.json": { content: Buffer.from('{"architecture": "tf_efficientnet_b0"}'), lfs: false },
    "model.safetensors": { content: CONTENT, lfs: true },
    "pytorch_model.bin": { content: Buffer.from("PK"), lfs: true },
    "more/model 2.bin": { content: Buffer.from("another"), lfs: true },
  },
};
/** Of `CONTENT`. */
export const HASH = hashOf(REPO.files["model.safetensors"]!);

const KNOWN = [
  "timm/tf_efficientnet_b0.ns_jft_in1k",
  "timm/tf_efficientnet_b0.ap_in1k",
  "timm/tf_efficientnet_b1.in1k",
];

/** A hub with `REPO`, and before each test an empty cache. */
export class HubFixture {
  hub!: TestHub;
  cache!: string;
  /** What was said aloud. */
  readonly notes: string[] = [];

  constructor() {
    beforeAll(async () => {
      this.hub = await startHub();
    });
    afterAll(() => this.hub.close());
    beforeEach(async () => {
      this.cache = await mkdtemp(join(tmpdir(), "fixres-hub-"));
      Object.assign(this.hub, { instead: () => false, fault: null });
      this.hub.seen.length = 0;
      this.notes.length = 0;
      this.hub.repos.clear();
      this.hub.repos.set(NAME, REPO);
    });
    afterEach(() => rm(this.cache, { recursive: true, force: true }));
  }

  settings(more: Partial<HubSettings> = {}): HubSettings {
    return { endpoint: this.hub.endpoint, cache: this.cache, token: undefined, offline: false, ...more };
  }

  get(name = `hub:${NAME}`, more: Partial<HubSettings> = {}, signal?: AbortSignal): Promise<HubWeights> {
    const progress = {
      start: () => ({ advance() {}, end() {} }),
      note: (text: string) => void this.notes.push(text),
    };
    const times = { silenceMs: 500, waitMs: 5 };
    return fetchFromHub(hubName(name)!, this.settings(more), { progress, signal, known: KNOWN, times });
  }

  /** A path in the repository's folder of the cache. */
  folder(...names: string[]): string {
    return join(this.cache, `models--${NAME.replace("/", "--")}`, ...names);
  }

  requests(): string[] {
    return this.hub.seen.map(({ host, method, path }) => `${host} ${method} ${path.split("?")[0]}`);
  }

  /** What was asked for of large files. */
  ranges(): (string | undefined)[] {
    return this.hub.seen.filter(({ host }) => host === "files").map(({ range }) => range);
  }
}
