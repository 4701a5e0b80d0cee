/**
 * Whether the end-to-end tests also measure what there is without the proxy or its warm-ups, and every template with every client: for
 * README's tables. `bun run e2e` does, `.ci/run` has no time for it.
 */
export const IS_WHOLE = process.env.CACHE_PROXY_E2E === "whole";
