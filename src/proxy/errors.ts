/** The header that marks the proxy's own errors, so that nobody takes them for the upstream's. */
export const MARK = "x-cache-proxy";

/** One of the proxy's own errors in Anthropic's shape, marked with the header `x-cache-proxy: error` and in its message. */
export function proxyError(status: number, message: string): Response {
  const type = status === 529 ? "overloaded_error" : "api_error";
  const body = { type: "error", error: { type, message: `cache-proxy: ${message}` } };
  return Response.json(body, { status, headers: { [MARK]: "error" } });
}
