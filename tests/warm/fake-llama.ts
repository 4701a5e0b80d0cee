import type { Server } from "bun";

type Message = { readonly role: string; readonly content: unknown };

/** A body of /v1/messages as it arrived. */
export interface ReceivedBody {
  readonly messages: readonly Message[];
  readonly max_tokens?: number;
  readonly stream?: boolean;
  readonly [key: string]: unknown;
}

/** One POST to /v1/messages, which the test answers by hand. */
export interface Asked {
  readonly body: ReceivedBody;
  readonly target: string;
  readonly headers: Headers;
  /** Whether it is one of the proxy's own. */
  readonly isWarmUp: boolean;
  /** Resolves when the client has left before the answer. */
  readonly left: Promise<void>;
  /** Answers with a text, as an event stream. */
  answer(reply?: Reply): void;
  respond(response: Response): void;
}

export interface Reply {
  readonly text?: string;
  readonly stopReason?: string;
  readonly prompt?: number;
  readonly output?: number;
}

/** A server that looks like llama-server to the proxy. What its questions answer can be changed at any time. */
export interface FakeLlama extends AsyncDisposable {
  readonly origin: string;
  props: object | Response;
  slots: object[] | undefined;
  /** Renders the messages of `/apply-template`; `undefined` answers 404. */
  template: ((messages: readonly Message[]) => string) | undefined;
  /** Paths of all questions so far, inference apart. */
  readonly questions: string[];
  /** The next request for inference that no test has taken yet. */
  next(): Promise<Asked>;
  /** How many requests for inference no test has taken yet. */
  readonly waiting: number;
  stop(): Promise<void>;
  /** Listens again on the same port. */
  start(): void;
}

export const IDLE_SLOT = { id: 0, is_processing: false, id_task: 3, n_prompt_tokens: 120 };
export const EMPTY_SLOT = { id: 0, is_processing: false };

export function startFakeLlama(): FakeLlama {
  const asked: Asked[] = [];
  const takers: ((one: Asked) => void)[] = [];
  let server: Server<undefined> | undefined;
  const take = (one: Asked): void => {
    const taker = takers.shift();
    if (taker) taker(one);
    else asked.push(one);
  };
  const fake: FakeLlama = {
    origin: "",
    props: { total_slots: 1, chat_template: "{{ messages }}", build_info: "b1" },
    slots: [IDLE_SLOT],
    template: undefined,
    questions: [],
    get waiting() {
      return asked.length;
    },
    async next() {
      const first = asked.shift();
      return first ?? (await new Promise<Asked>((resolve) => takers.push(resolve)));
    },
    stop: async () => await server?.stop(true),
    start: () => {
      server = serve(Number(new URL(fake.origin).port));
    },
    [Symbol.asyncDispose]: async () => await server?.stop(true),
  };
  const serve = (port: number) =>
    Bun.serve({
      port,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      fetch: (request) => answerTo(request, fake, take),
    });
  server = serve(0);
  return Object.assign(fake, { origin: `http://127.0.0.1:${server.port}` });
}

// --- internal ---

async function answerTo(request: Request, fake: FakeLlama, take: (one: Asked) => void): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  if (!pathname.endsWith("/v1/messages")) fake.questions.push(pathname);
  if (pathname === "/props")
    return fake.props instanceof Response ? fake.props.clone() : Response.json(fake.props);
  if (pathname === "/slots") return fake.slots ? Response.json(fake.slots) : notFound();
  if (pathname === "/apply-template") {
    const { messages } = (await request.json()) as { messages: Message[] };
    return fake.template ? Response.json({ prompt: fake.template(messages) }) : notFound();
  }
  if (!pathname.endsWith("/v1/messages")) return notFound();
  const body = (await request.json()) as ReceivedBody;
  return await new Promise<Response>((respond) => {
    take({
      body,
      target: pathname + search,
      headers: request.headers,
      isWarmUp: body.max_tokens === 1,
      left: new Promise((resolve) => request.signal.addEventListener("abort", () => resolve())),
      answer: (reply = {}) => respond(events(reply)),
      respond,
    });
  });
}

function notFound(): Response {
  return Response.json({ error: { code: 404, message: "File Not Found" } }, { status: 404 });
}

function events({ text = "Done.", stopReason = "end_turn", prompt = 100, output = 20 }: Reply): Response {
  const usage = { input_tokens: prompt, cache_read_input_tokens: 0, output_tokens: output };
  const objects = [
    { type: "message_start", message: { role: "assistant", content: [], usage } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: stopReason }, usage: { output_tokens: output } },
    { type: "message_stop" },
  ];
  const body = objects.map((object) => `event: ${object.type}\ndata: ${JSON.stringify(object)}\n\n`).join("");
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
