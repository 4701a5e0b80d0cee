import { checkCache } from "./checks/cache.ts";
import { checkClient } from "./checks/client.ts";
import { checkProxy } from "./checks/proxy.ts";
import { checkReplicas } from "./checks/replicas.ts";
import { checkServer } from "./checks/server.ts";
import { checkTemplate } from "./checks/template.ts";
import type { Finding } from "./finding.ts";
import type { Observed } from "./observed.ts";

/** Judges what was observed, in the order in which a user should read it. Pure. */
export function check(observed: Observed): Finding[] {
  return [
    ...checkServer(observed),
    ...checkReplicas(observed),
    ...checkTemplate(observed),
    ...checkCache(observed),
    ...checkClient(observed),
    ...checkProxy(observed),
  ];
}
