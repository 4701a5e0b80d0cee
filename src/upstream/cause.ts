/** The cause of a failed fetch in words that a user can act on. */
export function causeOf(error: unknown): string {
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  if (name === "TimeoutError") return "no answer in time";
  return (code && CAUSES[code]) ?? message ?? "unknown error";
}

// --- internal ---

/** Codes of Bun 1.4.5's fetch whose own texts speak of fetch options or ask whether the computer can access the URL. */
const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ConnectionRefused: "connection refused",
  ECONNRESET: "it closed the connection before it answered",
  ENOTFOUND: "there is no host of that name",
  EPROTO: "the TLS handshake failed; is it http, not https?",
  UnrequestedUpgrade: "it switched protocols without being asked",
};
