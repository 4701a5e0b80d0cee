import { expect, test } from "bun:test";
import { rendersParameter } from "../../src/upstream/template.ts";

test.each<[boolean, string, string]>([
  [true, "chat_template_kwargs.enable_thinking", "{% if enable_thinking is false %}"],
  [false, "chat_template_kwargs.enable_thinking", "{% if not_enable_thinking %}"],
  [false, "chat_template_kwargs.a.b", "{{ aXb }}"],
  [true, "chat_template_kwargs.preserve_reasoning", "{% if clear_thinking %}"],
  [true, "reasoning_effort", "{{ reasoning_effort }}"],
  [true, "reasoning", "{% if enable_thinking %}"],
  [false, "thinking", "{% if thinking %}"],
  [true, "chat_template_kwargs.thinking", "{% if thinking %}"],
  [false, "tool_choice", "{% if tool_choice %}"],
])("%p: %s in %s", (expected, parameter, template) => {
  expect(rendersParameter(template, parameter)).toBe(expected);
});
