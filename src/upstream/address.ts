/** Where requests go. A request's own target is appended to `origin + basePath`, so that no target can change the host. */
export interface Address {
  /** `http://host:port` or `https://host:port`, as `URL.origin` writes it. */
  readonly origin: string;
  /** Begins with "/" and never ends with one; "" at the root. */
  readonly basePath: string;
}

/** The address as one URL, to be shown or to append a path to. */
export function urlOf({ origin, basePath }: Address): string {
  return `${origin}${basePath}`;
}
