import type { Outcome, Watch, WatchedRequest, Watcher } from "../report/watch.ts";

/**
 * Begins to watch a request. The watch returned never throws, whatever the watcher does, and passes on the first `end` only:
 * measuring may fail without being seen by the client.
 */
export function watched(watcher: Watcher | undefined, request: WatchedRequest): Watch {
  if (!watcher) return UNWATCHED;
  const watch = contained(() => watcher.begin(request));
  return watch ? once(watch) : UNWATCHED;
}

// --- internal ---

const UNWATCHED: Watch = Object.freeze({
  sent() {},
  answered() {},
  chunk() {},
  end() {},
});

function once(watch: Watch): Watch {
  let ended = false;
  return {
    sent: () => contained(() => watch.sent()),
    answered: (status, headers) => contained(() => watch.answered(status, headers)),
    chunk(bytes) {
      if (!ended) contained(() => watch.chunk(bytes));
    },
    end(outcome: Outcome) {
      if (ended) return;
      ended = true;
      contained(() => watch.end(outcome));
    },
  };
}

function contained<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
