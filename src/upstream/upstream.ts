/**
 * Where requests go. A request's own target is appended to `origin + basePath`, so that no target can change the host.
 */
export interface Upstream {
  /** `http://host:port` or `https://host:port`, as `URL.origin` writes it. */
  readonly origin: string;
  /** Begins with "/" and never ends with one; "" at the root. */
  readonly basePath: string;
}
