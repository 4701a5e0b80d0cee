/**
 * A fast upstream for the benchmarks, in a process of its own; prints where it listens. A body with `"stream":true` gets events
 * that carry the time at which they were sent; any other request gets the answer of a short turn.
 */
import { clockMs, EVENTS, EVERY_MS } from "./stream.ts";

const ANSWER = JSON.stringify({ type: "message", content: [{ type: "text", text: "x".repeat(2_000) }] });

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  idleTimeout: 0,
  async fetch(request) {
    const body = await request.bytes();
    if (
      body.length > 0 &&
      Buffer.from(body.buffer, body.byteOffset, body.length).includes('"stream":true,"bench"')
    )
      return new Response(events(), { headers: { "content-type": "text/event-stream" } });
    return new Response(ANSWER, { headers: { "content-type": "application/json" } });
  },
});
console.log(server.url.origin);

/** Bun sends what a direct stream flushes at once; the chunks of an async generator wait for one another. */
function events(): ReadableStream {
  return new ReadableStream({
    type: "direct",
    async pull(controller: ReadableStreamDirectController) {
      for (let sent = 0; sent < EVENTS; sent++) {
        const event = `{"type":"content_block_delta","delta":{"type":"text_delta","text":"word "},"sent":"${clockMs()}"}`;
        controller.write(`event: content_block_delta\ndata: ${event}\n\n`);
        await controller.flush();
        await Bun.sleep(EVERY_MS);
      }
      controller.close();
    },
  } as unknown as UnderlyingDefaultSource);
}
