import { foreign } from "../../../format/foreign.ts";
import { type Finding, note, ok } from "../finding.ts";
import type { Observed } from "../observed.ts";

/** Whether several servers answer, and whether cache-proxy can tell them apart. */
export function checkReplicas({ replicas }: Observed): Finding[] {
  if (!replicas) return [];
  const id = "server.replicas";
  const { names, header, gateway, processes, kinds } = replicas;
  const differ = kinds > 1 ? `; they run ${kinds} different models, builds or templates` : "";
  const balancer = gateway === undefined ? "a balancer" : foreign(gateway, 40);
  if (names.length > 0 && names.length >= processes) {
    const servers = names.map((name) => foreign(name, 40)).join(", ");
    return [
      ok(
        id,
        `${balancer} names the servers in ${header} (${servers}): each is asked for its own facts${differ}`,
      ),
    ];
  }
  const equal = "their template and slots are taken for equal";
  const advice = `${namingIn(gateway)}, or pass --replica-header if ${balancer} names them in another header`;
  if (processes > 1)
    return [
      note(
        id,
        `several servers answer, and ${balancer} does not name them in ${header}: ${equal}${differ}`,
        advice,
      ),
    ];
  if (gateway !== undefined)
    return [note(id, `${balancer} is in front of the server; if it has several, ${equal}`, advice)];
  return [ok(id, "nothing shows a balancer with several servers")];
}

// --- internal ---

/** How the most usual balancers are told to name the server. */
const NAMING: Readonly<Record<string, string>> = {
  haproxy: "http-response set-header x-served-by %s",
  nginx: "add_header x-served-by $upstream_addr always;",
  caddy: "header_down x-served-by {http.reverse_proxy.upstream.hostport}",
};

function namingIn(gateway: string | undefined): string {
  const line = NAMING[gateway ?? ""];
  if (line !== undefined) return `add \`${line}\` to its configuration`;
  return `have it name them: \`${NAMING.haproxy}\` in HAProxy, \`${NAMING.nginx}\` in nginx`;
}
