import { existsSync } from "node:fs";
import { run } from "./cache.ts";

/** The path in Debian's package. */
const CHROMIUM = "/usr/bin/chromium";

/** The path of a real Chromium. Installs Debian's package if there is none and the user is root. */
export async function chromium(): Promise<string> {
  const found = process.env.CACHE_PROXY_E2E_CHROMIUM ?? Bun.which("chromium") ?? Bun.which("google-chrome");
  if (found) return found;
  if (process.getuid?.() !== 0) {
    throw new Error("no chromium found: install it or set CACHE_PROXY_E2E_CHROMIUM to its path");
  }
  console.error("e2e setup: installing chromium");
  await run(["apt-get", "update", "-qq"]);
  await run([
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "apt-get",
    "install",
    "-y",
    "-qq",
    "--no-install-recommends",
    "chromium",
    "fonts-dejavu-core",
  ]);
  if (!existsSync(CHROMIUM)) throw new Error(`apt-get installed chromium, but ${CHROMIUM} does not exist`);
  return CHROMIUM;
}
