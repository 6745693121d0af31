// What `npm test`, `npm run demo` and `npm run parity` need before they start: dependencies as locked, and a build.
// Does nothing that is already done, so that it may run before each of them.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
// As .npmrc says, which a later npm may no longer hand on to install scripts.
const env = { ONNXRUNTIME_NODE_INSTALL: "skip", ...process.env };
const run = (command, args) => {
  const shell = process.platform === "win32";
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], shell, env });
  if (result.status !== 0) {
    process.stderr.write(`fixres: "${command} ${args.join(" ")}" failed; its own message is above.\n`);
    process.exit(result.status ?? 1);
  }
};
const changedAt = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`fixres: Node ${process.versions.node} is too old; 20.19 or newer is needed.\n`);
  process.exit(2);
}
// npm writes this file when an install is complete, so its date tells whether the lock file has changed since.
const installed = changedAt(`${root}/node_modules/.package-lock.json`);
if (installed === 0 || installed < changedAt(`${root}/package-lock.json`)) {
  process.stderr.write("fixres: installing the locked dependencies (once) ...\n");
  // Not `npm ci`: it refuses a lock file that lacks the packages of other platforms, which a mirror may not carry.
  run("npm", ["install", "--no-save", "--no-audit", "--no-fund"]);
}
run(process.execPath, [`${root}/node_modules/typescript/bin/tsc`, "-p", `${root}/tsconfig.build.json`]);
// The compiler leaves it without, and npm link does not always give it.
chmodSync(`${root}/dist/cli/main.js`, 0o755);

// The playground's page, where one of its sources is younger than it.
const sources = ["src/playground", "dist"].flatMap((folder) =>
  readdirSync(`${root}/${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes(join("dist", "playground")))
    .filter(({ name }) => folder === "src/playground" || name.endsWith(".js"))
    .map((entry) => changedAt(join(entry.parentPath, entry.name))),
);
if (Math.max(...sources) > changedAt(`${root}/dist/playground/index.html`))
  run(process.execPath, [
    `${root}/node_modules/vite/bin/vite.js`,
    "build",
    "-c",
    `${root}/src/playground/vite.config.ts`,
  ]);
