/** The client's headers as they go to the upstream: hop-by-hop ones removed, all others kept. Leaves its argument alone. */
export function requestHeaders(incoming: Headers): Headers {
  const headers = withoutHopByHop(incoming);
  for (const name of ANSWERED_HERE) headers.delete(name);
  // Without one of its own, fetch would say "Bun/1.4.5" in the client's name (Go's ReverseProxy suppresses it likewise).
  if (!headers.has("user-agent")) headers.set("user-agent", "");
  return headers;
}

/** The upstream's headers as they go to the client: hop-by-hop ones removed, all others kept. Leaves its argument alone. */
export function responseHeaders(upstream: Headers): Headers {
  return withoutHopByHop(upstream);
}

/** Whether an answer is server-sent events, as far as its headers say. */
export function isEventStream(headers: Headers): boolean {
  return headers.get("content-type")?.toLowerCase().startsWith("text/event-stream") === true;
}

// --- internal ---

/**
 * Headers that concern one connection only, https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1. The list is the one of
 * Go's httputil.ReverseProxy: `proxy-*` are between a client and its nearest proxy, `trailer` announces what fetch drops.
 */
const HOP_BY_HOP = [
  "connection",
  "proxy-connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
] as const;

/** `host` and `content-length` are fetch's to write: the upstream's name, and the length after an edit. `expect` has been met by Bun.serve. */
const ANSWERED_HERE = ["host", "content-length", "expect"] as const;

function withoutHopByHop(original: Headers): Headers {
  const headers = new Headers(original);
  for (const name of namedIn(original.get("connection"))) headers.delete(name);
  for (const name of HOP_BY_HOP) headers.delete(name);
  return headers;
}

/** The connection header lists further headers that end here; an entry that is no header name is ignored. */
function namedIn(connection: string | null): string[] {
  if (connection === null) return [];
  return connection
    .split(",")
    .map((name) => name.trim())
    .filter((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name));
}
