/** Installs every real part that the end-to-end tests use: `bun tests/e2e/setup/setup.ts`. The tests do the same when they need one. */
import { claudeCode, everyVersion } from "./claude-code.ts";
import { llamaServer } from "./llama-cpp.ts";
import { model } from "./models.ts";

const clients = everyVersion().then((versions) => Promise.all(versions.map(claudeCode)));
const [installed] = await Promise.all([clients, llamaServer(), model("dense"), model("hybrid")]);
console.error(`e2e setup: ready with Claude Code ${installed.map((client) => client.version).join(", ")}`);
