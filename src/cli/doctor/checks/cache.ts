import { type Finding, note, ok } from "../finding.ts";
import type { Observed } from "../observed.ts";

/** What the server shows of its work, and how its slots suit a client with subagents. */
export function checkCache({ facts, slots, endpoints }: Observed): Finding[] {
  if (!facts) return [];
  return [progress(slots, endpoints), metrics(endpoints), ...parallel(facts.slots)];
}

// --- internal ---

function progress(slots: Observed["slots"], endpoints: Observed["endpoints"]): Finding {
  const id = "server.slots";
  if (endpoints.slots === 501 || endpoints.slots === 404)
    return note(
      id,
      `/slots is not there (status ${endpoints.slots}): no progress of a prefill is shown`,
      "leave out llama-server's --no-slots",
    );
  if (slots === undefined) return note(id, "/slots shows no slots: no progress of a prefill is shown");
  return ok(id, "/slots shows what each slot does");
}

function metrics({ metrics: status }: Observed["endpoints"]): Finding {
  const id = "server.metrics";
  if (status === 200) return ok(id, "/metrics is on: a restart of the server is noticed at once");
  return note(
    id,
    `/metrics is off (status ${status ?? "unknown"})`,
    "start llama-server with --metrics to have restarts noticed at once",
  );
}

function parallel(slots: number | undefined): Finding[] {
  const id = "server.parallel";
  if (slots === undefined) return [];
  if (slots > 1) return [ok(id, `${slots} slots: subagents do not displace the main conversation`)];
  return [
    ok(
      id,
      "1 slot: subagents and the main conversation take turns, and the cache in RAM (--cache-ram) brings them back",
    ),
  ];
}
