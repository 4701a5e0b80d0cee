/** The live page in a real browser, with the compiled proxy and a real llama.cpp server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Browser, type BrowserContextOptions, chromium as driver, type Page } from "playwright-core";
import { chromium } from "./setup/chromium.ts";
import { startLlamaServer } from "./support/llama-server.ts";
import { startProxy, type Proxy as TestProxy } from "./support/proxy.ts";
import type { TestServer } from "./support/recording.ts";

const SLOW = 180_000;
/** About 4,000 tokens. Each session puts a name in front of them. */
const WORDS = "The river runs past the old mill and under the stone bridge. ".repeat(330);
const ANNA = "aaaa1111-0000-4000-8000-000000000001";
const BERT = "bbbb2222-0000-4000-8000-000000000002";

/** Colors of the style sheet; the first one is the background of the others. */
const TEXTS = ["ink", "soft", "failure", "headline", "busy"];
const MARKS = ["cached", "evaluated", "unknown", "queued", "answering", "good", "focus"];
const NAMES = ["card", ...TEXTS, ...MARKS];

let browser: Browser;

beforeAll(async () => {
  browser = await driver.launch({ executablePath: await chromium(), args: ["--no-sandbox"] });
}, SLOW);

afterAll(() => browser?.close());

test(
  "requests appear with llama-server's own figures, and can be explored with the mouse and the keyboard",
  async () => {
    await using server = await startLlamaServer("dense", "Qwen3-Coder.jinja");
    await using proxy = await startProxy(server.origin);
    await using page = await open(proxy);
    expect(await page.tab.textContent("#start-command")).toBe(
      `ANTHROPIC_BASE_URL=${proxy.origin} ANTHROPIC_AUTH_TOKEN=local claude`,
    );

    await ask(proxy, { session: ANNA, words: `Anna. ${WORDS}` });
    const again = await ask(proxy, { session: ANNA, words: `Anna. ${WORDS} Go on.` });
    await ask(proxy, { session: BERT, words: `Bert. ${WORDS}`, agent: "sub1" });
    await page.tab.waitForSelector("#recent tr >> nth=2");

    expect(await page.tab.locator(".lane-label strong").allTextContents()).toEqual(["bbbb2222", "aaaa1111"]);
    await page.pointAt({ lane: 1, bar: 1 });
    expect(await page.tab.getAttribute("#recent tr.pointed", "data-request")).toBe("2");
    expect(await page.details()).toMatchObject({
      cached: expect.stringContaining(grouped(again.cached)),
      evaluated: grouped(again.evaluated),
      status: "200",
    });

    await page.tab.focus("#scroller");
    await page.tab.keyboard.press("End");
    expect(await page.tab.textContent("#details h3")).toContain("subagent · bbbb2222");
    await page.tab.keyboard.press("ArrowDown");
    expect(await page.tab.getAttribute("#scroller", "aria-activedescendant")).toBe("chosen");
    expect(await page.tab.getAttribute("#chosen", "data-request")).toBe("2");
    await page.tab.keyboard.press("ArrowLeft");
    expect(await page.tab.getAttribute("#chosen", "data-request")).toBe("1");
    expect(await page.tab.textContent("#chosen")).toContain("session aaaa1111");
    await page.tab.keyboard.press("Escape");
    expect(await page.tab.isVisible("#details")).toBe(false);

    await page.tab.click(".lane-label:has-text('bbbb2222')");
    expect(await page.tab.locator("#recent tr").count()).toBe(1);
    await page.tab.click("#clear-filter");
    expect(await page.tab.locator("#recent tr").count()).toBe(3);
    expect(await page.tab.textContent("#server")).toMatch(/^llama-server .* · 1 slot · [\d ]+ tokens$/);

    const { totals } = (await (await fetch(`${proxy.origin}/cache-proxy/stats.json`)).json()) as Stats;
    expect(await page.tab.textContent("#evaluated")).toBe(grouped(totals.evaluated_tokens));
    expect(page.problems).toEqual([]);
  },
  SLOW,
);

test(
  "a running prefill shows its progress, then disappears",
  async () => {
    await using server = await startLlamaServer("dense", "Qwen3-Coder.jinja");
    await using proxy = await startProxy(server.origin);
    await using page = await open(proxy);
    await ask(proxy, { session: ANNA, words: "Anna." });
    const long = ask(proxy, { session: ANNA, words: `Anna. ${WORDS.repeat(7)}` });
    await page.tab.waitForSelector("#now .waiting:has-text('prefill')", { timeout: 60_000 });
    expect(await page.tab.textContent("#now .what")).toMatch(/^prefill [\d ]+ .*tokens/);
    await page.tab.waitForSelector("#now .what:has-text('tokens/s')", { timeout: 60_000 });
    expect(await page.tab.locator("#lanes path.ahead").count()).toBe(1);
    await long;
    await page.tab.waitForSelector("#now .idle");
    expect(await page.tab.locator("#lanes path.ahead").count()).toBe(0);
    expect(page.problems).toEqual([]);
  },
  SLOW,
);

describe("with 1 000 requests", () => {
  let upstream: TestServer;
  let proxy: TestProxy;
  beforeAll(async () => {
    upstream = scripted();
    proxy = await startProxy(upstream.origin);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  test(
    "each has a bar, the newest is visible, and the others can be scrolled to",
    async () => {
      await using page = await open(proxy);
      for (let round = 0; round < 50; round++) {
        const twenty = Array.from({ length: 20 }, (_, at) =>
          ask(proxy, { session: at % 3 ? ANNA : BERT, words: "Hello." }),
        );
        await Promise.all(twenty);
      }
      await page.tab.waitForFunction(() => {
        const counts = [...document.querySelectorAll(".lane-label .count")];
        return counts.reduce((sum, { textContent }) => sum + Number(textContent), 0) === 1000;
      });
      // Each change draws everything again: that stays cheap only with few elements.
      expect(await page.tab.locator("*").count()).toBeLessThan(1000);
      const { scrollLeft, scrollWidth, clientWidth } = await scrolled(page.tab);
      expect(scrollWidth).toBe(4000);
      expect(scrollLeft + clientWidth).toBe(scrollWidth);
      await page.tab.focus("#scroller");
      await page.tab.keyboard.press("Home");
      expect(await page.tab.$eval("#scroller", (element) => element.scrollLeft)).toBe(0);
      expect(page.problems).toEqual([]);
    },
    SLOW,
  );

  test(
    "nothing is wider than a narrow screen",
    async () => {
      await using page = await open(proxy, { viewport: { width: 320, height: 700 } });
      await page.tab.waitForSelector("#recent tr");
      const overhang = await page.tab.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overhang).toBeLessThanOrEqual(0);
      const { scrollLeft, scrollWidth, clientWidth } = await scrolled(page.tab);
      expect(scrollLeft + clientWidth).toBe(scrollWidth);
    },
    SLOW,
  );

  test(
    "text and bars have enough contrast, in light and dark mode",
    async () => {
      for (const colorScheme of ["light", "dark"] as const) {
        await using page = await open(proxy, { colorScheme });
        await page.tab.waitForSelector("#recent tr");
        const colors = await page.tab.evaluate((names) => {
          const probe = document.body.appendChild(document.createElement("i"));
          return names.map((name) => {
            probe.style.color = `var(--${name})`;
            return getComputedStyle(probe).color;
          });
        }, NAMES);
        const contrast = (name: string): number => contrastOf(colors[NAMES.indexOf(name)]!, colors[0]!);
        // https://www.w3.org/TR/WCAG22/#contrast-minimum and #non-text-contrast
        for (const name of TEXTS) expect(contrast(name)).toBeGreaterThan(4.5);
        for (const name of MARKS) expect(contrast(name)).toBeGreaterThan(3);
        // What is next to each other differs in brightness, too.
        const [cached, evaluated] = [contrast("cached"), contrast("evaluated")];
        expect(Math.max(cached, evaluated) / Math.min(cached, evaluated)).toBeGreaterThan(1.5);
      }
    },
    SLOW,
  );
});

test(
  "the page reports a lost proxy and reconnects when it is back",
  async () => {
    await using upstream = scripted();
    const first = await startProxy(upstream.origin);
    await using page = await open(first);
    await ask(first, { session: ANNA, words: "Hello." });
    await page.tab.waitForSelector("#recent tr");
    await first[Symbol.asyncDispose]();
    await page.tab.waitForSelector("[data-connection=lost]");
    expect(await page.tab.textContent("#connection")).toMatch(/^No word from cache-proxy since [\d:]+;/);
    expect(await page.tab.title()).toStartWith("⚠ ");
    await using second = await startProxy(upstream.origin, "--port", new URL(first.origin).port);
    await ask(second, { session: BERT, words: "Hello." });
    await page.tab.waitForSelector("[data-connection=live]");
    await page.tab.waitForSelector("#recent tr >> nth=1");
    expect(await page.tab.locator(".lane-label strong").allTextContents()).toEqual(["bbbb2222", "aaaa1111"]);
    expect(await page.tab.textContent("#lanes .restarted")).toBe("restarted");
    expect(await page.tab.locator("#recent tr.earlier").count()).toBe(1);
    expect(await page.tab.textContent("#requests")).toBe("1");
  },
  SLOW,
);

test(
  "a server that goes away is the first thing on the page, its failures are counted, and it is found again",
  async () => {
    const upstream = scripted();
    await using proxy = await startProxy(upstream.origin);
    await using page = await open(proxy);
    await upstream[Symbol.asyncDispose]();
    await ask(proxy, { session: ANNA, words: "Hello." });
    await page.tab.waitForSelector("#server[data-state=lost]");
    expect(await page.tab.textContent("#server")).toMatch(
      /^not answering since [\d:]+ \(connection refused\)$/,
    );
    expect(await page.tab.title()).toStartWith("⚠ ");
    expect(await page.tab.textContent("#failed")).toBe("1");
    expect(await page.tab.textContent("#failed-note")).toStartWith("unreachable, ");
    await using _ = scripted(Number(new URL(upstream.origin).port));
    await page.tab.waitForSelector("#server[data-state=other]", { timeout: 10_000 });
    await ask(proxy, { session: ANNA, words: "Hello." });
    await page.tab.waitForSelector("#recent tr >> nth=1");
    await page.tab.click("#failures");
    expect(await page.tab.locator("#recent .status").allTextContents()).toEqual(["unreachable"]);
  },
  SLOW,
);

// --- internal ---

interface Stats {
  readonly totals: { readonly evaluated_tokens: number };
}

interface OpenPage extends AsyncDisposable {
  readonly tab: Page;
  /** Console messages, exceptions, and requests to other servers. */
  readonly problems: string[];
  /** Moves the pointer to a bar: the n-th of all in order of arrival, in the n-th lane from above. */
  pointAt(place: { readonly lane: number; readonly bar: number }): Promise<void>;
  /** The card beside the chosen bar. */
  details(): Promise<Record<string, string>>;
}

async function open(proxy: TestProxy, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const tab = await context.newPage();
  const problems: string[] = [];
  tab.on("console", (message) => problems.push(message.text()));
  tab.on("pageerror", (error) => problems.push(error.message));
  tab.on("request", (request) => {
    if (!request.url().startsWith(`${proxy.origin}/cache-proxy/`)) problems.push(request.url());
  });
  await tab.goto(`${proxy.origin}/cache-proxy/`);
  await tab.waitForSelector("[data-connection=live]");
  return {
    tab,
    problems,
    async pointAt({ lane, bar }) {
      await tab.hover("#lanes", { position: { x: bar * 18 + 8, y: lane * 36 + 20 } });
    },
    async details() {
      const [names, values] = [tab.locator("#details dt"), tab.locator("#details dd")];
      const facts = await Promise.all([names.allTextContents(), values.allTextContents()]);
      return Object.fromEntries(facts[0].map((name, index) => [name, facts[1][index]!]));
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

async function scrolled(tab: Page): Promise<Pick<Element, "scrollLeft" | "scrollWidth" | "clientWidth">> {
  return await tab.$eval("#scroller", ({ scrollLeft, scrollWidth, clientWidth }) => {
    return { scrollLeft, scrollWidth, clientWidth };
  });
}

interface Question {
  readonly session: string;
  readonly words: string;
  readonly agent?: string;
}

/** Sends a request as Claude Code does and returns the figures in its answer. */
async function ask(
  proxy: TestProxy,
  { session, words, agent }: Question,
): Promise<{ cached: number; evaluated: number }> {
  const tools = [
    { name: "Read", description: "Reads a file.", input_schema: { type: "object", properties: {} } },
  ];
  const answer = await fetch(`${proxy.origin}/v1/messages?beta=true`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "user-agent": "claude-cli/2.1.330 (external, cli)",
      "x-claude-code-session-id": session,
      ...(agent && { "x-claude-code-agent-id": agent }),
    },
    body: JSON.stringify({
      model: "m",
      max_tokens: 4,
      stream: true,
      tools,
      messages: [{ role: "user", content: words }],
    }),
  });
  const text = await answer.text();
  const figure = (name: string): number => Number(new RegExp(`"${name}":(\\d+)`).exec(text)?.[1]);
  return { cached: figure("cache_read_input_tokens"), evaluated: figure("input_tokens") };
}

/** An upstream that answers at once, for quantity. */
function scripted(port = 0): TestServer {
  const usage = { cache_read_input_tokens: 9000, input_tokens: 500, output_tokens: 0 };
  const start = { type: "message_start", message: { usage } };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    fetch: ({ url }) =>
      url.endsWith("/props")
        ? new Response(null, { status: 404 })
        : new Response(`data: ${JSON.stringify(start)}\n\ndata: {"type":"content_block_start"}\n\n`, {
            headers: { "content-type": "text/event-stream" },
          }),
  });
  return { origin: server.url.origin, [Symbol.asyncDispose]: () => server.stop(true) };
}

/** A number as the page writes it. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, " ");
}

/** https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
function contrastOf(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}

function luminance(color: string): number {
  const channels = [...color.matchAll(/\d+/g)].map(([value]) => Number(value) / 255);
  const [red, green, blue] = channels.map((value) =>
    value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
