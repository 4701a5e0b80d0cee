import type { Outcome, Watch, WatchedRequest, Watcher } from "../report/watch.ts";

/**
 * Begins to watch a request. The watch returned never throws, whatever the watcher does, and passes on the first `end` only:
 * measuring may fail without being seen by the client. `onEnd` hears of that end first, with or without a watcher.
 */
export function watched(
  watcher: Watcher | undefined,
  request: WatchedRequest,
  onEnd: (outcome: Outcome) => void,
): Watch {
  return once((watcher && contained(() => watcher.begin(request))) ?? UNWATCHED, onEnd);
}

// --- internal ---

const UNWATCHED: Watch = Object.freeze({
  sent() {},
  answered() {},
  chunk() {},
  end() {},
});

function once(watch: Watch, onEnd: (outcome: Outcome) => void): Watch {
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
      contained(() => onEnd(outcome));
      // Only after the client's last bytes are on their way: here the watcher sums up, and writes its line.
      setImmediate(() => contained(() => watch.end(outcome)));
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
