/**
 * Installs everything real that the end-to-end tests use: `bun tests/e2e/setup/setup.ts`. Tests also install what they find
 * missing; doing it first keeps downloads out of their timeouts, and stops early on a machine where a server does not work.
 */
import { claudeCode, everyVersion } from "./claude-code.ts";
import { BUILDS } from "./llama-cpp.ts";
import { eye, MODEL_KINDS, model } from "./models.ts";
import { workingServer } from "./working-server.ts";

const clients = everyVersion().then((versions) => Promise.all(versions.map(claudeCode)));
const [installed] = await Promise.all([
  clients,
  ...MODEL_KINDS.map(model),
  eye(),
  ...BUILDS.map(workingServer),
]);
console.error(`e2e setup: ready with Claude Code ${installed.map((client) => client.version).join(", ")}`);
