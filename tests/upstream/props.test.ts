import { describe, expect, test } from "bun:test";
import { factsOf, isRouter, UNKNOWN_SERVER } from "../../src/upstream/props.ts";

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
      template: PROPS.chat_template,
      strictAlternation: false,
      vision: undefined,
      sleeping: undefined,
      identity: expect.any(String),
    });
  });

  test("tells servers apart by their build, model and template, not by what changes while one runs", () => {
    const identity = (changed: object) => factsOf({ ...PROPS, ...changed })?.identity;
    for (const changed of [{ build_info: "b2" }, { model_path: "/other.gguf" }, { chat_template: "x" }])
      expect(identity(changed)).not.toBe(identity({}));
    expect(identity({ is_sleeping: true })).toBe(identity({}));
  });

  test.each<[string, object, object]>([
    ["no alias: the file's name", { model_alias: undefined }, { model: "Qwen3-Coder-30B.gguf" }],
    ["an empty alias", { model_alias: "" }, { model: "Qwen3-Coder-30B.gguf" }],
    ["an alias that is a path", { model_alias: "/home/me/models/a.gguf" }, { model: "a.gguf" }],
    ["an alias with a slash", { model_alias: "ggml-org/qwen3:Q4" }, { model: "ggml-org/qwen3:Q4" }],
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
    ["a model that sees", { modalities: { vision: true } }, { vision: true }],
    ["modalities that are not an object", { modalities: [1] }, { vision: undefined }],
    ["a server that sleeps", { is_sleeping: true }, { sleeping: true }],
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

test.each([
  [{ role: "router", build_info: "b1" }, true],
  [PROPS, false],
  [undefined, false],
])("a router is known by its role: %j", (props, want) => {
  expect(isRouter(props)).toBe(want);
});
