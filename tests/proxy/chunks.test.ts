import { describe, expect, test } from "bun:test";
import { type Chunks, gather, streamOf } from "../../src/proxy/chunks.ts";
import { settles } from "../../src/upstream/settles.ts";
import { type Random, seeded } from "../support/seeded.ts";

const LONG = 60_000;

/** How a body ends: in order, broken off, or not at all. */
type Ending = "done" | "broken" | "silent";

interface Source {
  readonly chunks: Chunks;
  /** Whether whoever read the chunks let go of them. */
  released(): boolean;
}

function source(texts: readonly string[], ending: Ending = "done"): Source {
  let released = false;
  const never = Promise.withResolvers<void>();
  async function* read(): Chunks {
    try {
      for (const text of texts) yield Buffer.from(text);
      if (ending === "broken") throw new Error("broken");
      if (ending === "silent") await never.promise;
    } finally {
      released = true;
    }
  }
  return { chunks: read(), released: () => released };
}

/** All text up to the end, and whether it was an orderly one. */
async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<{ text: string; broken: boolean }> {
  let text = "";
  try {
    for await (const chunk of chunks) text += Buffer.from(chunk).toString();
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}

describe("gather", () => {
  test("gives the whole of a short body", async () => {
    const { chunks, released } = source(["ab", "", "cd"]);
    expect(Buffer.from((await gather(chunks, 4, LONG)) as Uint8Array).toString()).toBe("abcd");
    expect(released()).toBe(true);
  });

  test("gives the only chunk itself, without a copy", async () => {
    const only = Buffer.from("abcd");
    async function* read(): Chunks {
      yield only;
    }
    expect(await gather(read(), 4, LONG)).toBe(only);
  });

  test("gives nothing for an empty body", async () => {
    expect(((await gather(source([]).chunks, 4, LONG)) as Uint8Array).length).toBe(0);
  });

  test("gives back the chunks of a body that goes on too long, from the first on", async () => {
    const body = await gather(source(["ab"], "silent").chunks, 4, 1);
    expect(body).not.toBeInstanceOf(Uint8Array);
    const chunks = body as Chunks;
    expect(Buffer.from((await chunks.next()).value as Uint8Array).toString()).toBe("ab");
    expect(await settles(chunks.next(), 5)).toBe(false);
  });

  test("lets go of the body with whoever reads the rest", async () => {
    const { chunks, released } = source(["abc", "def", "ghi"]);
    const rest = (await gather(chunks, 4, LONG)) as Chunks;
    await rest.next();
    expect(released()).toBe(false);
    await rest.return();
    expect(released()).toBe(true);
  });

  test("loses no byte and hides no failure, whatever the body and the limit", async () => {
    const first = Number(process.env.CACHE_PROXY_SEED ?? Math.floor(Math.random() * 2 ** 31));
    for (let seed = first; seed < first + 300; seed++) {
      const random = seeded(seed);
      const texts = randomTexts(random);
      const ending = random.pick<Ending>(["done", "broken"]);
      const body = await gather(source(texts, ending).chunks, random.below(30), LONG);
      const whole = body instanceof Uint8Array;
      const got = whole ? { text: Buffer.from(body).toString(), broken: false } : await readAll(body);
      expect({ seed, ...got }).toEqual({ seed, text: texts.join(""), broken: ending === "broken" });
    }
  });
});

describe("streamOf", () => {
  test("passes chunks and the end", async () => {
    expect(await readAll(streamOf(source(["ab", "cd"]).chunks))).toEqual({ text: "abcd", broken: false });
  });

  test("fails where the chunks do", async () => {
    expect(await readAll(streamOf(source(["ab"], "broken").chunks))).toEqual({ text: "ab", broken: true });
  });

  test("reads nothing before it is read", async () => {
    let reads = 0;
    async function* read(): Chunks {
      for (;;) {
        reads++;
        yield Buffer.from("x");
      }
    }
    const reader = streamOf(read()).getReader();
    await Bun.sleep(1);
    expect(reads).toBe(0);
    await reader.read();
    await Bun.sleep(1);
    expect(reads).toBe(1);
  });

  test("lets go of the chunks when it is cancelled", async () => {
    const { chunks, released } = source(["ab", "cd"]);
    const reader = streamOf(chunks).getReader();
    await reader.read();
    await reader.cancel();
    expect(released()).toBe(true);
  });
});

function randomTexts(random: Random): string[] {
  return random.some(0, 8, () => "x".repeat(random.below(9)));
}
