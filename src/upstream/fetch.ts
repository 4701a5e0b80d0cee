/** Bun's own additions to fetch's options (bun-types). */
interface FetchOptions extends RequestInit {
  readonly decompress?: boolean;
}

/**
 * fetch as a proxy needs it, with Bun's own behavior turned off. Without `keepalive`, each call has a connection of its own.
 * - `timeout: false`: else a prefill that takes more than 5 minutes without a byte is given up.
 * - `proxy: false`: else HTTP_PROXY in the environment would send even requests for 127.0.0.1 to another host.
 * - `verbose: false`: else BUN_CONFIG_VERBOSE_FETCH in the environment would print the client's key on stderr.
 */
export function fetchPlainly(url: string, options: FetchOptions): Promise<Response> {
  return fetch(url, {
    keepalive: false,
    redirect: "manual",
    timeout: false,
    proxy: false,
    verbose: false,
    ...options,
  } as RequestInit);
}
