/**
 * Runs a binary made for this machine and says what it did wrong, or nothing: it must know its version, also where the
 * environment asks it to be Bun, and answer a request.
 */
export async function trialFaults(binary: string, version: string): Promise<string[]> {
  const environments: Record<string, string>[] = [{}, { BUN_BE_BUN: "1" }, { BUN_OPTIONS: "--help" }];
  const faults: string[] = [];
  for (const env of environments) {
    const said = await say(binary, ["--version"], env);
    if (said !== version) faults.push(`--version said ${said} with ${JSON.stringify(env)}, not ${version}`);
  }
  const status = await serveOnce(binary);
  // Nothing listens upstream, so the right answer is the proxy's own.
  if (status !== 502) faults.push(`answered ${status}, not 502, without an upstream`);
  return faults;
}

// --- internal ---

async function say(binary: string, args: string[], env: Record<string, string>): Promise<string> {
  const child = Bun.spawn([binary, ...args], { env, stdio: ["ignore", "pipe", "ignore"] });
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

/** Asks until somebody listens; a program that has ended or still does not listen after a while throws. */
async function statusOf(url: string, child: Bun.Subprocess): Promise<number> {
  for (let attempt = 0; attempt < 500 && child.exitCode === null && child.signalCode === null; attempt++) {
    const response = await fetch(url).catch(() => undefined);
    if (response) return response.status;
    await Bun.sleep(20);
  }
  throw new Error(`nothing listens at ${url}; exit code ${child.exitCode ?? child.signalCode ?? "none yet"}`);
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = server;
  server.stop(true);
  return port as number;
}
