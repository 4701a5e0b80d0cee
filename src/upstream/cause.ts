/** The cause of a failed fetch in words that a user can act on. */
export function causeOf(error: unknown): string {
  const { name, code, message = "" } = error as { name?: string; code?: string; message?: string };
  if (name === "TimeoutError") return "no answer in time";
  const known = code === undefined ? undefined : (NO_ANSWER[code] ?? BAD_ANSWER[code]);
  if (known) return known;
  // Bun's own messages may repeat the whole URL, and with it a query.
  return message === "" || /:\/\/|verbose:/.test(message)
    ? `the request failed (${code ?? name ?? "unknown error"})`
    : message;
}

/** One sentence for a client whose request got no answer that can be passed on; `where` is the upstream's URL. */
export function failureOf(error: unknown, where: string): string {
  const { code = "" } = error as { code?: string };
  if (code in BAD_ANSWER || error instanceof BadAnswer)
    return `the answer of ${where} cannot be passed on: ${causeOf(error)}`;
  if (code in OWN_LIMITS) return `no connection to ${where}: ${causeOf(error)}`;
  return `cannot reach llama-server at ${where}: ${causeOf(error)}; start it or pass --upstream`;
}

/** An answer that HTTP does not allow, or that cannot be forwarded. The message says why and holds nothing of the answer's text. */
export class BadAnswer extends Error {
  override readonly name = "BadAnswer";
}

// --- internal ---

const OWN_LIMITS: Readonly<Record<string, string>> = {
  EMFILE: "this process has too many open files; raise the limit with ulimit -n",
  ENFILE: "the system has too many open files",
};

/** Codes of Bun 1.4.5's fetch where the upstream has not answered. */
const NO_ANSWER: Readonly<Record<string, string>> = {
  ...OWN_LIMITS,
  ECONNREFUSED: "connection refused",
  ConnectionRefused: "connection refused",
  // Bun has the same code for bytes that do not look like HTTP at all.
  ECONNRESET: "it closed the connection before it answered; does it speak HTTP?",
  ENOTFOUND: "there is no host of that name",
  EHOSTUNREACH: "there is no route to that host",
  ENETUNREACH: "there is no route to that network",
  EPROTO: "the TLS handshake failed; is it http, not https?",
};

/** Codes of Bun 1.4.5's fetch for answers that it does not take. */
const BAD_ANSWER: Readonly<Record<string, string>> = {
  InvalidContentLength: "its content-length is not one number",
  UnsupportedTransferEncoding: "its transfer-encoding is not supported",
  InvalidHTTPResponse: "it is not HTTP",
  Malformed_HTTP_Response: "it is not HTTP",
  ResponseHeadersTooLarge: "its headers are too large",
  UnrequestedUpgrade: "it switched protocols without being asked",
};
