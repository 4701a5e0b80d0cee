import { connect } from "node:net";
import { type Address, urlOf } from "../../upstream/address.ts";
import { type Asked, askOrCause } from "../../upstream/ask.ts";
import { factsOf, isRouter } from "../../upstream/props.ts";
import { runningProxy } from "../../web/health.ts";
import { version } from "../options.ts";
import { modelsIn } from "../run/await-upstream.ts";
import { settingsEnv, versionOf } from "../run/claude-code.ts";
import type { ClientSeen, Observed, ProbedAddress, SlotsSeen } from "./observed.ts";
import type { DoctorOptions } from "./options.ts";
import { probeReplicas } from "./replicas.ts";
import { probeTemplate } from "./template-probe.ts";

/** Asks the server, the client and the proxy's usual port. Evaluates nothing and changes nothing; never rejects. */
export async function observe(
  { upstream, port: proxyPort, replicaHeader }: DoctorOptions,
  headers: Headers,
): Promise<Observed> {
  const [addresses, client, port, props] = await Promise.all([
    probeAddresses(upstream),
    observeClient(),
    observePort(proxyPort),
    askOrCause(upstream, "/props", headers),
  ]);
  const known = { url: urlOf(upstream), addresses, client, port, version, hasKey: [...headers].length > 0 };
  const unknown = { isRouter: false, models: [], endpoints: {} };
  if ("cause" in props) return { ...known, ...unknown, cause: props.cause };
  return { ...known, ...(await observeServer(upstream, props, headers, replicaHeader)) };
}

/** What the slots hold; `undefined` where the server does not say. */
export async function observeSlots(upstream: Address, headers: Headers): Promise<SlotsSeen | undefined> {
  const asked = await askOrCause(upstream, "/slots", headers);
  return "json" in asked ? slotsIn(asked.json) : undefined;
}

// --- internal ---

type Server = Omit<Observed, "url" | "addresses" | "client" | "port" | "version" | "hasKey">;

async function observeServer(
  upstream: Address,
  props: Asked,
  headers: Headers,
  replicaHeader: string,
): Promise<Server> {
  const facts = factsOf(props.json);
  const path = (name: string) => askOrCause(upstream, name, headers);
  const [models, slots, metrics, proxyAsUpstream, template, replicas] = await Promise.all([
    path("/v1/models"),
    path("/slots"),
    path("/metrics"),
    runningProxy(upstream),
    facts && probeTemplate(upstream, headers),
    facts || isRouter(props.json) ? probeReplicas(upstream, headers, replicaHeader) : undefined,
  ]);
  const list = "json" in models ? models.json : undefined;
  return {
    status: props.status,
    software: props.headers.get("server") ?? undefined,
    facts,
    isRouter: isRouter(props.json),
    proxyAsUpstream,
    models: modelsIn(list),
    owner: (list as { data?: { owned_by?: string }[] } | undefined)?.data?.[0]?.owned_by,
    slots: "json" in slots ? slotsIn(slots.json) : undefined,
    endpoints: {
      slots: "status" in slots ? slots.status : undefined,
      metrics: "status" in metrics ? metrics.status : undefined,
    },
    template,
    replicas,
  };
}

/** llama.cpp, tools/server/server-context.cpp, `server_slot::to_json`. */
function slotsIn(answer: unknown): SlotsSeen | undefined {
  if (!Array.isArray(answer)) return undefined;
  const slots = answer as { is_processing?: unknown; n_prompt_tokens?: unknown; id_task?: unknown }[];
  const holds = ({ n_prompt_tokens, id_task }: (typeof slots)[number]): boolean =>
    typeof n_prompt_tokens === "number" ? n_prompt_tokens > 0 : typeof id_task === "number" && id_task >= 0;
  return {
    total: slots.length,
    held: slots.filter(holds).length,
    busy: slots.filter(({ is_processing }) => is_processing === true).length,
    showsFigures: slots.some(({ n_prompt_tokens }) => n_prompt_tokens !== undefined),
  };
}

async function probeAddresses({ origin }: Address): Promise<ProbedAddress[]> {
  const { hostname, port, protocol } = new URL(origin);
  const found = await Bun.dns.lookup(hostname.replace(/^\[|\]$/g, "")).catch(() => []);
  const unique = [...new Map(found.map((each) => [each.address, each])).values()];
  return await Promise.all(
    unique.map(async ({ address, family }) => ({
      address,
      family: family as 4 | 6,
      isOpen: await isOpen(address, Number(port) || (protocol === "https:" ? 443 : 80)),
    })),
  );
}

function isOpen(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: 2_000 });
  return new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    for (const event of ["error", "timeout"]) socket.once(event, () => resolve(false));
  }).finally(() => socket.destroy());
}

async function observeClient(): Promise<ClientSeen> {
  const program = Bun.which("claude");
  return {
    version: program ? await versionOf(program) : undefined,
    env: { ...process.env, ...settingsEnv(process.cwd(), process.env) },
  };
}

async function observePort(port: number): Promise<Observed["port"]> {
  const proxy = await runningProxy({ origin: `http://127.0.0.1:${port}` });
  return { number: port, proxy, isTaken: proxy !== undefined || (await isOpen("127.0.0.1", port)) };
}
