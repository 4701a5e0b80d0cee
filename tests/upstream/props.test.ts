import { afterEach, describe, expect, test } from "bun:test";
import { type Answer, askProps, factsOf, UNKNOWN_SERVER } from "../../src/upstream/props.ts";

/** What llama-server answers, with a template of our own. */
const PROPS = {
  default_generation_settings: { n_ctx: 131_072, params: { temperature: 0.8 } },
  total_slots: 2,
  model_alias: "qwen3-coder",
  model_path: "/models/Qwen3-Coder-30B.gguf",
  chat_template: "{% for message in messages %}{{ message.content }}{% endfor %}",
  build_info: "b10434-abcdef",
};

describe("factsOf", () => {
  test("reads what the banner says", () => {
    expect(factsOf(PROPS)).toEqual({
      model: "qwen3-coder",
      build: "b10434-abcdef",
      slots: 2,
      context: 131_072,
      strictAlternation: false,
    });
  });

  test.each<[string, object, object]>([
    ["no alias: the file's name", { model_alias: undefined }, { model: "Qwen3-Coder-30B.gguf" }],
    ["an empty alias", { model_alias: "" }, { model: "Qwen3-Coder-30B.gguf" }],
    ["a path of Windows", { model_alias: undefined, model_path: "C:\\models\\a.gguf" }, { model: "a.gguf" }],
    ["neither", { model_alias: undefined, model_path: undefined }, { model: undefined }],
    ["no build", { build_info: undefined }, { build: undefined }],
    [
      "numbers that are none",
      { total_slots: "2", default_generation_settings: { n_ctx: 0 } },
      { slots: undefined, context: undefined },
    ],
    ["settings that are none", { default_generation_settings: [1] }, { context: undefined }],
    ["no template", { chat_template: undefined }, { strictAlternation: false }],
  ])("%s", (_, changed, want) => {
    expect(factsOf({ ...PROPS, ...changed })).toMatchObject(want);
  });

  test.each([
    [
      "Mistral",
      "{{- raise_exception('After the optional system message, conversation roles must alternate user and assistant roles except for tool calls and results.') }}",
      true,
    ],
    [
      "Gemma 2",
      "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}",
      true,
    ],
    ["double quotes and blanks", '{{ raise_exception( "roles must alternate" ) }}', true],
    ["another complaint", "{{ raise_exception('System message must be at the beginning.') }}", false],
    ["a comment about it", "{#- Checks for alternating messages: roles must alternate. #}", false],
    [
      "two complaints apart from the word",
      "{{ raise_exception('No user query.') }} {# roles alternate #}",
      false,
    ],
    ["the word inside another", "{{ raise_exception('No alternates allowed') }}", false],
  ])("strict alternation, by the template of %s", (_, chat_template, want) => {
    expect(factsOf({ ...PROPS, chat_template })?.strictAlternation).toBe(want);
  });

  test.each([
    ["nothing", undefined],
    ["null", null],
    ["a list", [PROPS]],
    ["a text", "ok"],
    ["an object of another server", { status: "ok", model_path: "a.gguf" }],
  ])("%s is not a llama-server's", (_, props) => {
    expect(factsOf(props)).toBeUndefined();
  });
});

test("of an unknown server nothing is claimed", () => {
  expect(UNKNOWN_SERVER).toEqual({ strictAlternation: false });
});

describe("askProps", () => {
  const servers: { stop(force: boolean): void }[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.stop(true);
  });

  const asked = (
    fetch: (request: Request) => Response | Promise<Response>,
    basePath = "",
    timeoutMs?: number,
  ): Promise<Answer> => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch });
    servers.push(server);
    return askProps({ origin: `http://127.0.0.1:${server.port}`, basePath }, timeoutMs);
  };

  test("asks below the base path", async () => {
    const answer = await asked((request) => {
      return new URL(request.url).pathname === "/llama/props"
        ? Response.json(PROPS)
        : new Response("", { status: 404 });
    }, "/llama");
    expect(answer).toEqual({ facts: factsOf(PROPS)! });
  });

  test.each([
    ["no /props", 404, "not found"],
    ["a model that is still loading", 503, '{"error":{"code":503}}'],
    ["another server", 200, "<html>"],
    ["other JSON", 200, "[]"],
  ])("%s is told by its status", async (_, status, body) => {
    expect(await asked(() => new Response(body, { status }))).toEqual({ status });
  });

  test("a redirect is an answer and is not followed", async () => {
    const answer = await asked((request) => Response.redirect(new URL("/elsewhere", request.url).href, 302));
    expect(answer).toEqual({ status: 302 });
  });

  test("no server, no answer: the cause, never a throw", async () => {
    const gone = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const origin = `http://127.0.0.1:${gone.port}`;
    await gone.stop(true);
    expect(await askProps({ origin, basePath: "" })).toEqual({ cause: "connection refused" });
    const silent = await asked(() => new Promise<Response>(() => {}), "", 50);
    expect(silent).toEqual({ cause: "no answer in time" });
  });
});
