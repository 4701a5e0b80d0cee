import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { Readable } from "node:stream";

/** The part of fetch's options that these few requests need. */
export interface OddRequest {
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array | null;
  readonly signal: AbortSignal;
}

/** Whether fetch would change the target: Bun 1.4.5 sends `/x` for `http://host//x`. */
export function isOdd(url: string): boolean {
  return url.startsWith("//", url.indexOf("/", url.indexOf("://") + 3));
}

/** Sends a request whose target fetch cannot, by node:http, and answers as fetch does: nothing followed, unpacked or pooled. */
export function sendOdd(url: string, { method, headers, body, signal }: OddRequest): Promise<Response> {
  const { protocol, hostname, port } = new URL(url);
  const path = url.slice(url.indexOf("/", url.indexOf("://") + 3));
  const { request } = protocol === "https:" ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request({
      hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
      port,
      path,
      method,
      headers: Object.fromEntries(headers),
      agent: false,
      signal,
    });
    sent.on("response", (message) => resolve(responseOf(message, method)));
    sent.on("error", reject);
    sent.end(body);
  });
}

// --- internal ---

const WITHOUT_BODY: ReadonlySet<number | undefined> = new Set([204, 205, 304]);

function responseOf(message: IncomingMessage, method: string): Response {
  const headers = new Headers();
  const { rawHeaders, statusCode } = message;
  for (let i = 0; i < rawHeaders.length; i += 2)
    headers.append(rawHeaders[i] as string, rawHeaders[i + 1] as string);
  const hasBody = method !== "HEAD" && !WITHOUT_BODY.has(statusCode);
  const body = hasBody ? (Readable.toWeb(message) as unknown as ReadableStream<Uint8Array>) : null;
  return new Response(body, { status: statusCode as number, headers });
}
