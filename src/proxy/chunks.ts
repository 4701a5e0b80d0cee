import { settles } from "../upstream/settles.ts";

/** A body on its way: chunks as they come, an exception where it breaks off. */
export type Chunks = AsyncGenerator<Uint8Array, void, void>;

/** What keeps a client waiting while its answer is silent. */
export interface Pings {
  readonly ping: Uint8Array;
  /** How long the answer may be silent before its first byte, milliseconds; 0 pings at once. */
  readonly firstMs: number;
  /** How long it may be silent after that, and the time from one ping to the next, milliseconds. */
  readonly everyMs: number;
}

/**
 * Chunks as a body for Bun.serve: read only as fast as the client takes them; when they break off, so does the client's connection.
 * `pings` are for event streams: they come before the first chunk and between two events, never inside one.
 * `new Response(upstream.body)` would stream too, but prints a stack trace for every upstream that dies, and invents a
 * `content-type` where the upstream has none (Bun 1.4.5).
 */
export function streamOf(chunks: Chunks, pings?: Pings): ReadableStream<Uint8Array> {
  const pinger = pings && new Pinger(pings);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        pinger?.start(controller);
        try {
          const step = await chunks.next();
          if (step.done) return controller.close();
          pinger?.passed(step.value);
          controller.enqueue(step.value);
        } catch {
          pinger?.stop();
          await Bun.sleep(FLUSH_MS);
          // Without a reason, for Bun would print it. The client sees its connection reset.
          controller.error();
        } finally {
          pinger?.stop();
        }
      },
      async cancel() {
        pinger?.stop();
        await chunks.return();
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * The whole of a body that ends within so many bytes and milliseconds; of any other body, the same chunks from the first on:
 * nothing is lost, and a failure comes where it came.
 */
export async function gather(chunks: Chunks, bytes: number, ms: number): Promise<Uint8Array | Chunks> {
  const held: Uint8Array[] = [];
  const end = performance.now() + ms;
  for (let size = 0; ; ) {
    const next = chunks.next();
    if (!(await settles(next, end - performance.now()))) return replay(held, next, chunks);
    const step = await next.catch(() => undefined);
    if (step?.done) return held.length === 1 ? (held[0] as Uint8Array) : Buffer.concat(held);
    size += step?.value.length ?? 0;
    if (!step || size > bytes) return replay(held, next, chunks);
    held.push(step.value);
  }
}

// --- internal ---

/**
 * An error drops what was enqueued and is not sent yet (Bun 1.4.5): all of 400 KB is lost without a wait, nothing after 2 ms. The last
 * bytes before a break are often the upstream's own error event.
 */
const FLUSH_MS = 100;

/** Puts a ping into a stream whenever it has been silent for long enough, as long as the client takes what it is sent. */
class Pinger {
  readonly #pings: Pings;
  #ms: number;
  #tail = "";
  #timer: Timer | undefined;

  constructor(pings: Pings) {
    this.#pings = pings;
    this.#ms = pings.firstMs;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (!BETWEEN_EVENTS.test(this.#tail)) return;
    this.#timer = setTimeout(() => {
      this.#ms = this.#pings.everyMs;
      // Below 0, the client has not taken the last ping.
      if ((controller.desiredSize ?? -1) >= 0) controller.enqueue(this.#pings.ping);
      this.start(controller);
    }, this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  passed(chunk: Uint8Array): void {
    this.#ms = this.#pings.everyMs;
    // Byte by byte: a view would first make an ArrayBuffer of the chunk, which takes 30 µs in Bun 1.4.5.
    for (let at = Math.max(0, chunk.length - 4); at < chunk.length; at++)
      this.#tail += String.fromCharCode(chunk[at]!);
    this.#tail = this.#tail.slice(-4);
  }
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream: a blank line ends an event. */
const BETWEEN_EVENTS = /^$|(?:\n|\r)(?:\n|\r\n?)$/;

async function* replay(
  held: readonly Uint8Array[],
  next: Promise<IteratorResult<Uint8Array, void>>,
  rest: Chunks,
): Chunks {
  try {
    yield* held;
    const step = await next;
    if (step.done) return;
    yield step.value;
    yield* rest;
  } finally {
    await rest.return();
  }
}
