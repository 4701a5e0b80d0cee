import type { IncomingMessage } from "node:http";

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
export async function sendOdd(url: string, { method, headers, body, signal }: OddRequest): Promise<Response> {
  const { protocol, hostname, port } = new URL(url);
  const path = url.slice(url.indexOf("/", url.indexOf("://") + 3));
  // Loaded when first needed: hardly any proxy ever does, and it costs memory and 10 ms of the start.
  const { request } = await import(protocol === "https:" ? "node:https" : "node:http");
  const { Readable } = await import("node:stream");
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({
      hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
      port,
      path,
      method,
      headers: Object.fromEntries(headers),
      agent: false,
      signal,
    });
    sent.on("response", resolve);
    sent.on("error", reject);
    sent.end(body);
  });
  const hasBody = method !== "HEAD" && !WITHOUT_BODY.has(message.statusCode);
  const stream = hasBody ? (Readable.toWeb(message) as unknown as ReadableStream<Uint8Array>) : null;
  return new Response(stream, { status: message.statusCode as number, headers: headersOf(message) });
}

// --- internal ---

const WITHOUT_BODY: ReadonlySet<number | undefined> = new Set([204, 205, 304]);

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2)
    headers.append(rawHeaders[i] as string, rawHeaders[i + 1] as string);
  return headers;
}
