import type { Watch } from "../report/watch.ts";
import type { Limits } from "./limits.ts";
import type { Dialect } from "./patience.ts";

/** A request that was sent to the upstream, with all that its answer depends on. */
export interface Exchange {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  /** Settles with the upstream's status and headers. */
  readonly call: Promise<Response>;
  /** `performance.now()` when it was sent. */
  readonly sentAt: number;
  /** Of a streaming request whose client is to be kept waiting. */
  readonly dialect: Dialect | undefined;
  readonly watch: Watch;
  readonly limits: Limits;
}
