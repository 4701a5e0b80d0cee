import { unsealedVariables } from "./seal.ts";
import { signatureFaults } from "./signature-check.ts";
import type { Target } from "./targets.ts";

/**
 * Lists what a binary's bytes show to be wrong; empty when there is nothing. Which processor and system it is for needs
 * no check: the table of targets pins the runtime's SHA-256, and only a runtime that `build` read is sealed.
 */
export function binaryFaults(bytes: Uint8Array, target: Target): string[] {
  const unsealed = unsealedVariables(bytes).map((name) => `obeys the environment variable ${name}`);
  return target.os === "macos" ? [...unsealed, ...signatureFaults(bytes)] : unsealed;
}

/**
 * Runs a binary built for this machine and lists what it did wrong. It must print its version, even when environment
 * variables ask it to behave as Bun, and answer a request.
 */
export async function trialFaults(binary: string, version: string): Promise<string[]> {
  const environments: Record<string, string>[] = [{}, { BUN_BE_BUN: "1" }, { BUN_OPTIONS: "--help" }];
  const faults: string[] = [];
  for (const env of environments) {
    const printed = await printedVersion(binary, env);
    if (printed !== version)
      faults.push(`--version printed ${printed} with ${JSON.stringify(env)}, not ${version}`);
  }
  const status = await serveOnce(binary);
  // Nothing listens upstream, so the proxy itself must answer.
  if (status !== 502) faults.push(`answered ${status} without an upstream, not 502`);
  return faults;
}

// --- internal ---

async function printedVersion(binary: string, env: Record<string, string>): Promise<string> {
  const child = Bun.spawn([binary, "--version"], { env, stdio: ["ignore", "pipe", "ignore"] });
  return (await new Response(child.stdout).text()).trim();
}

async function serveOnce(binary: string): Promise<number> {
  const [port, nobody] = [freePort(), freePort()];
  const args = ["--port", String(port), "--upstream", `http://127.0.0.1:${nobody}`];
  const child = Bun.spawn([binary, ...args], { env: {}, stdio: ["ignore", "ignore", "ignore"] });
  try {
    return await statusOf(`http://127.0.0.1:${port}/v1/models`, child);
  } finally {
    child.kill();
    await child.exited;
  }
}

/** Retries until the server answers. Throws when the program exits, or does not listen within 10 seconds. */
async function statusOf(url: string, child: Bun.Subprocess): Promise<number> {
  for (let attempt = 0; attempt < 500 && child.exitCode === null && child.signalCode === null; attempt++) {
    const response = await fetch(url).catch(() => undefined);
    if (response) return response.status;
    await Bun.sleep(20);
  }
  throw new Error(`no answer from ${url}; exit code ${child.exitCode ?? child.signalCode ?? "none yet"}`);
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = server;
  server.stop(true);
  return port as number;
}
