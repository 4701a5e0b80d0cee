import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "./cache.ts";

export type Balancer = "haproxy" | "nginx";

/** Installs Debian's package of a balancer if there is none and this is root. */
export function balancer(name: Balancer): Promise<void> {
  const providing = underWay.get(name) ?? install(name);
  underWay.set(name, providing);
  return providing;
}

// --- internal ---

const underWay = new Map<Balancer, Promise<void>>();

async function install(name: Balancer): Promise<void> {
  const program = join("/usr/sbin", name);
  if (existsSync(program)) return;
  if (process.getuid?.() !== 0) throw new Error(`no ${program} found: install Debian's package ${name}`);
  console.error(`e2e setup: installing ${name}`);
  await run(["apt-get", "update", "-qq"]);
  const noQuestions = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"];
  await run([...noQuestions, "apt-get", "install", "-y", "-qq", "--no-install-recommends", name]);
}
