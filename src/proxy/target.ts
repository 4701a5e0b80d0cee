/** What a request asks for, without any host: the upstream's is always the one that was configured. */
export interface Target {
  /** Without the query. */
  readonly path: string;
  /** From the "?" on, also when nothing follows it; "" without one. */
  readonly query: string;
}

/**
 * Reads the target of a request from Bun's `request.url`, byte for byte. That is an absolute URL made with the `Host` header
 * (the authority of an absolute-form target is gone by then), or the bare target where there is no usable `Host`.
 */
export function targetOf(url: string): Target | undefined {
  const scheme = url.indexOf("://");
  const start = url.startsWith("/") ? 0 : scheme > 0 ? url.indexOf("/", scheme + 3) : -1;
  if (start < 0) return undefined;
  const hash = url.indexOf("#", start);
  const target = url.slice(start, hash < 0 ? undefined : hash);
  const query = target.indexOf("?");
  return query < 0
    ? { path: target, query: "" }
    : { path: target.slice(0, query), query: target.slice(query) };
}
