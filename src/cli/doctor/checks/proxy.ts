import { foreign } from "../../../format/foreign.ts";
import { type Finding, note, ok } from "../finding.ts";
import type { Observed } from "../observed.ts";

/** What is at the proxy's usual port, and this program itself. */
export function checkProxy({ port, url, version }: Observed): Finding[] {
  return [atPort(port, url, version), ok("proxy.version", `cache-proxy ${version}`)];
}

// --- internal ---

function atPort({ number, proxy, isTaken }: Observed["port"], url: string, version: string): Finding {
  const id = "proxy.port";
  if (!isTaken) return ok(id, `port ${number} is free`);
  if (!proxy)
    return note(
      id,
      `another program listens on port ${number}`,
      "start cache-proxy with another --port, or use cache-proxy run",
    );
  const where = `a cache-proxy on port ${number} forwards to ${foreign(proxy.upstream ?? "an unknown server")}`;
  if (proxy.version !== undefined && proxy.version !== version)
    return note(
      id,
      `${where}; it is version ${foreign(proxy.version, 20)}, this one is ${version}`,
      "restart it",
    );
  if (proxy.upstream !== url) return note(id, `${where}, not to ${url}`);
  return ok(id, where);
}
