import { CONVERSATION_HEADER } from "../request/conversation.ts";
import type { Observer } from "../request/observer.ts";
import {
  type BodyFacts,
  type ClientRequest,
  describe,
  type RequestHead,
  readHead,
} from "../request/request.ts";
import { nameOf, type Upstream } from "../upstream/upstream.ts";
import { answer } from "./answer.ts";
import { bodyFault, freeBody, readBody, TOO_LARGE } from "./body.ts";
import { decompress, isCompressed } from "./decode.ts";
import { proxyError } from "./errors.ts";
import { requestHeaders } from "./headers.ts";
import type { Limits } from "./limits.ts";
import type { Sender } from "./send.ts";
import { targetOf } from "./target.ts";

/** Repairs one request body. The array returned is sent and then freed: it must be `body` or nobody else's. */
export type Repair = (body: Uint8Array, head: RequestHead) => Repaired | Promise<Repaired>;

export interface Repaired {
  readonly body: Uint8Array;
  readonly facts: BodyFacts;
  /** What was changed, or why nothing could be changed; no prompt text. */
  readonly notes: readonly string[];
}

export interface ForwardSettings {
  readonly upstream: Upstream;
  readonly repair: Repair;
  readonly limits: Limits;
  readonly observer: Observer;
  readonly sender: Sender;
  /** Resolves when the upstream can take requests; for one that is known to be loading. Never rejects. */
  readonly ready?: (() => Promise<void>) | undefined;
}

/** One request's story: read, repair, send, answer. Rejects only when the client left before the end of its own body. */
export async function forward(request: Request, settings: ForwardSettings): Promise<Response> {
  const arrivedAt = performance.now();
  const { limits, upstream, observer, sender } = settings;
  const { method, headers, signal } = request;
  const target = targetOf(request.url);
  if (!target) return refused(noTunnels(), observer);
  const refusal = refusalOf(request);
  if (refusal) return refused(refusal, observer);
  observer.arrived?.(method);
  const body = await readBody(request, limits.requestBytes);
  if (body === TOO_LARGE) return refused(tooLarge(limits), observer);
  upstream.noteCredentials(headers);
  const head = readHead(method, target.path, headers, arrivedAt);
  const before = body?.length;
  const repaired = body && (await repairBody(body, head, settings));
  if (repaired === TOO_LARGE) return refused(tooLarge(limits), observer);
  const described = describe(head, repaired?.facts ?? {}, before);
  if (body && body !== repaired?.body) freeBody(body);
  const observation = observer.begin(described);
  if (repaired && before !== undefined)
    observation.rewritten({ before, after: repaired.body.length, notes: repaired.notes });
  signal.addEventListener("abort", () => observation.end("client_gone"));
  const path = `${target.path}${target.query}`;
  const call = sender.send({
    url: `${nameOf(upstream)}${path}`,
    method,
    headers: headersFor(request, repaired, described),
    body: repaired?.body,
    signal,
    ready: settings.ready?.(),
    taken: () => repaired && observation.sending?.(path, repaired.body),
  });
  observation.sent();
  const sentAt = performance.now();
  const origin = headers.get("origin");
  return await answer({ request: described, origin, call, sentAt, signal, upstream, observation, limits });
}

// --- internal ---

type Sent = Repaired & { readonly isDecompressed?: true };

/** llama-server answers 415 to every compressed body, so that one is decompressed, repaired and forwarded as it is then. */
async function repairBody(
  body: Uint8Array,
  head: RequestHead,
  { repair, limits }: ForwardSettings,
): Promise<Sent | typeof TOO_LARGE> {
  const encoding = head.headers.get("content-encoding");
  if (!isCompressed(encoding)) return await repair(body, head);
  const plain = await decompress(body, encoding, limits.requestBytes);
  if (plain === TOO_LARGE) return TOO_LARGE;
  if (plain) return { ...(await repair(plain, head)), isDecompressed: true };
  return { body, facts: {}, notes: [`forwarded unchanged: the body's encoding is not known (${encoding})`] };
}

function headersFor({ headers }: Request, sent: Sent | undefined, { conversation }: ClientRequest): Headers {
  const forwarded = requestHeaders(headers);
  if (conversation !== undefined) forwarded.set(CONVERSATION_HEADER, conversation);
  if (sent?.isDecompressed) forwarded.delete("content-encoding");
  return forwarded;
}

function refused(response: Response, observer: Observer): Response {
  observer.refused(response.status);
  return response;
}

/** The answer to a request that cannot be forwarded whole; `undefined` for all others. */
function refusalOf(request: Request): Response | undefined {
  const { method, headers } = request;
  // Only WebSockets: any other `upgrade` (Java's h2c) may be ignored, https://www.rfc-editor.org/rfc/rfc9110#section-7.8
  if (method === "CONNECT" || headers.get("upgrade")?.toLowerCase() === "websocket") return noTunnels();
  // https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1; Bun.serve has met the one expectation that there is.
  const expectation = headers.get("expect")?.toLowerCase() ?? "100-continue";
  if (expectation !== "100-continue") return proxyError(417, "only `Expect: 100-continue` can be met");
  const fault = bodyFault(request);
  return fault === undefined ? undefined : proxyError(400, fault);
}

function tooLarge({ requestBytes }: Limits): Response {
  const refusal = proxyError(
    413,
    `the request body is larger than ${requestBytes} bytes; nothing was forwarded`,
  );
  // The rest of the body is still on its way; without this the client would go on sending it.
  refusal.headers.set("connection", "close");
  return refusal;
}

function noTunnels(): Response {
  return proxyError(501, "only plain HTTP requests are forwarded: no tunnels (CONNECT), no WebSockets");
}
