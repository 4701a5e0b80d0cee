/** Events per stream, and the time between two of them. */
export const EVENTS = 100;
export const EVERY_MS = 10;

/** How long each event took from the upstream to here, microseconds, over `streams` streams at once. */
export async function eventDelays(origin: string, streams: number): Promise<number[]> {
  const all = await Promise.all(Array.from({ length: streams }, () => delaysOf(origin)));
  return all.flat();
}

/** Milliseconds on a clock that all processes of a machine share. */
export function clockMs(): number {
  return performance.timeOrigin + performance.now();
}

// --- internal ---

async function delaysOf(origin: string): Promise<number[]> {
  const answer = await fetch(`${origin}/v1/messages`, {
    method: "POST",
    body: '{"model":"m","messages":[{"role":"user","content":"go"}],"stream":true,"bench":1}',
    headers: { "content-type": "application/json" },
  });
  const delays: number[] = [];
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    const now = clockMs();
    for (const [, sent = "0"] of decoder.decode(chunk).matchAll(/"sent":"([\d.]+)"/g))
      delays.push((now - Number(sent)) * 1_000);
  }
  if (delays.length !== EVENTS) throw new Error(`${delays.length} of ${EVENTS} events arrived`);
  return delays;
}
