/** Breaks of the cache that are induced on real servers: each gets its cause, and plain turns get none. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eye, type ModelKind } from "./setup/models.ts";
import { SEEN_IMAGE_BREAKS, UNSEEN_IMAGE_BREAKS } from "./support/break-images.ts";
import { LOADED_BREAKS, ONE, OTHER, SWAPPED_BREAKS } from "./support/break-models.ts";
import {
  EFFORT_BREAKS,
  EVERYWHERE_BREAKS,
  UNREAD_AND_LOST,
  UNREAD_PARAMETER_BREAKS,
} from "./support/break-parameters.ts";
import { BREAKS, type Break, RESTARTED_BREAKS } from "./support/breaks.ts";
import { type LlamaServer, type LlamaSettings, startLlamaServer } from "./support/llama-server.ts";
import { listen } from "./support/recording.ts";
import { type RouterKind, startRouter } from "./support/router.ts";
import { table } from "./support/table.ts";
import { FIRST, isRight, type Row, tell } from "./support/tale.ts";
import { IS_WHOLE } from "./support/whole.ts";

interface Case {
  readonly kind: ModelKind;
  /** Qwen3.5 renders the tools first, Qwen3-Coder the system prompt. */
  readonly template: string;
  readonly stream: boolean;
  readonly settings: LlamaSettings;
  readonly breaks: readonly Break[];
  /** Sets it apart from the others in the table. */
  readonly note?: string;
  /** Requests without a session, as other clients send them. */
  readonly anonymous?: boolean;
}

const EVERYWHERE = BREAKS.filter(({ needs }) => needs === undefined);
/** Models that go back to checkpoints take twice as long. */
const costly = (breaks: readonly Break[]) => breaks.filter(({ expected }) => expected[0] !== "none");
const COSTLY = costly(EVERYWHERE);
const withNeed = (need: Break["needs"]) => BREAKS.filter(({ needs }) => needs === need);
const oneEach = (breaks: readonly Break[]) =>
  breaks.filter(
    ({ expected }, index) => breaks.findIndex((other) => other.expected[0] === expected[0]) === index,
  );
/** Some of them, for clients that say less of themselves. */
const OF_ANYBODY = COSTLY.filter(({ expected }) =>
  ["system_changed", "tools_added", "message_edited", "server_restarted", "new_session"].includes(
    expected[0] ?? "",
  ),
).filter(({ title }) => !title.includes("subagent"));
const EYE = await eye();
const NO_RAM: LlamaSettings = { cache_ram_mib: 0 };

const CASES: readonly Case[] = [
  { kind: "dense", template: "Qwen3-Coder", stream: true, settings: {}, breaks: EVERYWHERE },
  {
    kind: "dense",
    template: "Qwen3.5-4B",
    stream: false,
    settings: {},
    breaks: [...EVERYWHERE, ...withNeed("thinking")],
  },
  {
    kind: "hybrid",
    template: "Qwen3.5-4B",
    stream: true,
    settings: {},
    breaks: [...COSTLY, ...withNeed("thinking")],
  },
  { kind: "swa", template: "Qwen3-Coder", stream: true, settings: {}, breaks: oneEach(COSTLY) },
  ...(["dense", "hybrid", "swa"] as const).map((kind): Case => {
    return {
      kind,
      template: "Qwen3-Coder",
      stream: true,
      settings: NO_RAM,
      note: "no RAM cache",
      breaks: withNeed("no RAM cache"),
    };
  }),
  {
    kind: "dense",
    template: "Qwen3.5-4B",
    stream: true,
    settings: {},
    note: "unread",
    breaks: [...UNREAD_PARAMETER_BREAKS, ...UNSEEN_IMAGE_BREAKS],
  },
  {
    kind: "hybrid",
    template: "Qwen3-Coder",
    stream: true,
    settings: {},
    note: "unread",
    breaks: oneEach(costly([...UNREAD_PARAMETER_BREAKS, ...UNSEEN_IMAGE_BREAKS])),
  },
  ...(["dense", "hybrid"] as const).map((kind): Case => {
    const settings = { "mmproj.path": EYE };
    const breaks = kind === "dense" ? SEEN_IMAGE_BREAKS : oneEach(SEEN_IMAGE_BREAKS);
    return { kind, template: "Qwen3.5-4B", stream: true, settings, note: "vision", breaks };
  }),
  {
    kind: "dense",
    template: "Qwen3.5-4B",
    stream: true,
    settings: NO_RAM,
    note: "no RAM cache",
    breaks: [...UNREAD_AND_LOST, ...RESTARTED_BREAKS],
  },
  {
    kind: "dense",
    template: "openai-gpt-oss-120b",
    stream: true,
    settings: {},
    breaks: EFFORT_BREAKS,
  },
  ...(["dense", "hybrid"] as const).map((kind): Case => {
    const note = "every turn";
    return { kind, template: "GLM-4.6", stream: true, settings: {}, note, breaks: EVERYWHERE_BREAKS };
  }),
  {
    kind: "dense",
    template: "Qwen3-Coder",
    stream: true,
    settings: { sleep_idle_seconds: 2 },
    note: "sleeps",
    breaks: withNeed("sleep"),
  },
  {
    kind: "dense",
    template: "Qwen3-Coder",
    stream: true,
    settings: { ...NO_RAM, endpoint_metrics: false },
    breaks: [...OF_ANYBODY, ...withNeed("no RAM cache").slice(0, 1)],
    anonymous: true,
  },
];

/** Where time is short, models that go back to checkpoints are left out of the additional cases. */
const ADDITIONAL: ReadonlySet<string | undefined> = new Set(["unread", "vision", "every turn"]);
const CHOSEN = IS_WHOLE ? CASES : CASES.filter(({ kind, note }) => kind === "dense" || !ADDITIONAL.has(note));

const rows: Row[] = [];

for (const one of CHOSEN) {
  const how = [one.stream ? "stream" : "JSON", one.anonymous && "no session", one.note];
  const where = [one.kind, one.template, ...how.filter(Boolean)].join(", ");
  test(`${where}: every break has its cause`, async () => {
    await using server = await startLlamaServer(one.kind, `${one.template}.jinja`, one.settings);
    const setting = {
      where,
      server,
      origin: server.origin,
      stream: one.stream,
      anonymous: one.anonymous,
      swap: noSwap,
    };
    for (const each of one.breaks) rows.push(...(await tell(each, setting)));
    expectCauses(where);
  }, 300_000);
}

test("another model on the same port", async () => {
  const where = "dense, then hybrid";
  await using first = await startLlamaServer("dense", "Qwen3-Coder.jinja");
  const servers: LlamaServer[] = [];
  const swap = async () => {
    await first.kill();
    const port = Number(new URL(first.origin).port);
    servers.push(await startLlamaServer("hybrid", "Qwen3-Coder.jinja", { port }));
  };
  const setting = { where, server: first, origin: first.origin, stream: true, swap };
  for (const each of withNeed("another model")) rows.push(...(await tell(each, setting)));
  for (const server of servers) await server[Symbol.asyncDispose]();
  expectCauses(where);
}, 300_000);

test("two servers after a balancer that takes turns", async () => {
  const where = "dense, two servers";
  await using one = await startLlamaServer("dense", "Qwen3-Coder.jinja");
  // The start time, by which servers are told apart, is in whole seconds.
  await Bun.sleep(1_100);
  await using other = await startLlamaServer("dense", "Qwen3-Coder.jinja");
  const turns = { prompts: 0, questions: 0 };
  await using balancer = listen(async (request) => {
    const { pathname, search } = new URL(request.url);
    // Both servers get the first turn's prompt, so that only the last turn is lost: the first, first, and second server.
    const isPrompt = pathname.endsWith("/messages");
    const next = isPrompt ? Math.floor(turns.prompts++ / 2) : turns.questions++;
    const { origin } = [one, other][next % 2]!;
    return await fetch(`${origin}${pathname}${search}`, {
      // llama-server closes an idle connection after 5 s.
      keepalive: false,
      method: request.method,
      headers: request.headers,
      ...(request.body && { body: await request.arrayBuffer() }),
    });
  });
  const setting = { where, server: one, origin: balancer.origin, stream: true, swap: noSwap };
  for (const each of withNeed("two servers")) rows.push(...(await tell(each, setting)));
  expectCauses(where);
}, 300_000);

describe("after a router", () => {
  let servers: readonly LlamaServer[] = [];
  beforeAll(async () => {
    const start = (template: string) => startLlamaServer("dense", template, NO_RAM);
    servers = await Promise.all(["Qwen3-Coder.jinja", "Qwen3.5-4B.jinja"].map(start));
  }, 120_000);
  afterAll(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())));

  test.each<[RouterKind, "all" | "one", readonly Break[]]>([
    ["llama-swap", "all", LOADED_BREAKS],
    ["llama-server", "all", oneEach(LOADED_BREAKS)],
    ["llama-swap", "one", SWAPPED_BREAKS],
    ["llama-server", "one", SWAPPED_BREAKS.slice(0, 1)],
  ])(
    "%s that keeps %s loaded",
    async (kind, loaded, breaks) => {
      const where = `${kind}, ${loaded} loaded`;
      const [one, other] = [servers[0]!, servers[1]!];
      await using router = startRouter(kind, { [ONE]: one, [OTHER]: other }, loaded);
      const setting = { where, server: one, origin: router.origin, stream: true, swap: noSwap };
      for (const each of breaks) rows.push(...(await tell(each, setting)));
      expectCauses(where);
    },
    300_000,
  );
});

afterAll(() => {
  const cells = rows.map((row) => {
    const { where, title, expected, cause, cached, evaluated } = row;
    const mark = isRight(row) ? "" : "WRONG";
    return [
      where,
      title,
      cached,
      evaluated,
      expected[0],
      cause?.id,
      cause?.certain ? "proven" : "",
      cause?.tokens,
      mark,
    ];
  });
  console.log(
    `\n${table(["Server", "Break", "cached", "evaluated", "expected", "cause", "", "tokens", ""], cells)}\n`,
  );
  const count = (some: readonly Row[]) => `${some.filter(isRight).length} of ${some.length}`;
  const plain = rows.filter(({ expected }) => expected[0] === "none");
  const first = rows.filter(({ title }) => title === FIRST);
  const breaks = rows.filter((row) => !plain.includes(row) && !first.includes(row));
  const wronglyProven = rows.filter((row) => !isRight(row) && row.cause?.certain);
  console.log(
    `right: ${count(breaks)} breaks, ${count(first)} first requests, ${count(plain)} plain turns without a cause; ${wronglyProven.length} wrong ones proven`,
  );
});

// --- internal ---

async function noSwap(): Promise<void> {
  throw new Error("this server has one model");
}

/** No row with another cause than the expected one, and none marked as proven that is wrong. */
function expectCauses(where: string): void {
  const wrong = rows.filter((row) => row.where === where && !isRight(row));
  expect(wrong.map(({ title, cause }) => `${title}: ${cause?.id}`)).toEqual([]);
}
