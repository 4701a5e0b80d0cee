/** A body on its way: chunks as they come, an exception where it breaks off. */
export type Chunks = AsyncGenerator<Uint8Array, void, void>;

/**
 * Chunks as a body for Bun.serve: read only as fast as the client takes them; when they break off, so does the client's connection.
 * `new Response(upstream.body)` would do both too, but prints a stack trace for every upstream that dies, and invents a
 * `content-type` where the upstream has none (Bun 1.4.5).
 */
export function streamOf(chunks: Chunks): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const step = await chunks.next();
          if (step.done) controller.close();
          else controller.enqueue(step.value);
        } catch {
          // Without a reason, for Bun would print it. The client sees its connection reset.
          controller.error();
        }
      },
      async cancel() {
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

/** True as soon as the promise is fulfilled or rejected, false when it is neither within `ms`. Marks a rejection as seen. */
export async function settles(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: Timer | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, ms), false);
  });
  const done = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}

// --- internal ---

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
