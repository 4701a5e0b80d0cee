import { type Break, nextTurn, plainRequest, say, toolOf, withLoop, words } from "./breaks.ts";

const THINKING = { thinking: { type: "enabled", budget_tokens: 2_000 } };

/** What the template does not render, or only at the prompt's very end: nothing is lost, and nothing else that is lost is blamed on it. */
export const UNREAD_PARAMETER_BREAKS: readonly Break[] = [
  {
    title: "thinking switched on",
    expected: ["none"],
    next: (turn) => ({ ...nextTurn(turn), extra: THINKING }),
  },
  {
    title: "thinking switched off",
    expected: ["none"],
    first: (name) => ({ ...plainRequest(name), extra: THINKING }),
    next: (turn) => ({ ...nextTurn(turn), extra: { thinking: { type: "disabled" } } }),
  },
  {
    title: "enable_thinking switched off",
    expected: ["none"],
    next: (turn) => ({ ...nextTurn(turn), extra: kwargs({ enable_thinking: false }) }),
  },
  {
    title: "a tool demanded by tool_choice",
    expected: ["none"],
    next: (turn) => ({ ...nextTurn(turn), extra: { tool_choice: { type: "any" } } }),
  },
  {
    title: "thinking switched on, and a date in the system prompt changed",
    expected: ["system_changed"],
    next: (turn) => ({
      ...nextTurn(turn),
      system: [turn.system[0]!, `${turn.system[1]} Tuesday`],
      extra: THINKING,
    }),
  },
  {
    title: "thinking switched on, and an early message edited",
    expected: ["message_edited"],
    next: (turn) => {
      const next = nextTurn(turn);
      return { ...next, messages: next.messages.with(0, say(`edited ${words("z", 80)}`)), extra: THINKING };
    },
  },
  {
    title: "thinking switched on, and a tool added in front",
    expected: ["tools_added"],
    next: (turn) => ({
      ...nextTurn(turn),
      tools: [toolOf("AgentTool", "x"), ...turn.tools],
      extra: THINKING,
    }),
  },
  {
    title: "thinking switched on, and the server restarted",
    expected: ["server_restarted"],
    async next(turn, { server }) {
      await server.restart();
      return { ...nextTurn(turn), extra: THINKING };
    },
  },
];

/** The same where the server loses what it displaces. */
export const UNREAD_AND_LOST: readonly Break[] = [
  {
    title: "thinking switched on after another session took the only slot",
    expected: ["slot_taken"],
    async next(turn, { name, send }) {
      await send(plainRequest(`${name}x`));
      return { ...nextTurn(turn), extra: THINKING };
    },
  },
  {
    title: "a tool demanded after a client past the proxy took the only slot",
    expected: ["slot_taken"],
    async next(turn, { name, sendDirectly }) {
      await sendDirectly(plainRequest(`${name}y`));
      return { ...nextTurn(turn), extra: { tool_choice: { type: "any" } } };
    },
  },
];

/** What the template renders in the prompt's head, as gpt-oss does with `reasoning_effort`. */
export const EFFORT_BREAKS: readonly Break[] = [
  {
    title: "reasoning_effort raised",
    expected: ["parameters_changed"],
    first: (name) => ({ ...plainRequest(name), extra: effort("low") }),
    next: (turn) => ({ ...nextTurn(turn), extra: effort("high") }),
  },
  {
    title: "reasoning_effort given for the first time",
    expected: ["parameters_changed"],
    next: (turn) => ({ ...nextTurn(turn), extra: effort("high") }),
  },
  {
    title: "reasoning_effort raised after a side request for a title",
    expected: ["parameters_changed"],
    async next(turn, { name, send }) {
      await send({ ...turn, tools: [], system: [`Title for ${name}`], messages: [say(words("t", 60))] });
      return { ...nextTurn(turn), extra: effort("high") };
    },
  },
  {
    title: "reasoning_effort raised after a tool loop",
    expected: ["parameters_changed"],
    async next(turn, { send }) {
      const loop = withLoop(turn);
      await send(loop);
      return { ...nextTurn(loop), extra: effort("high") };
    },
  },
  {
    title: "reasoning_effort as before, its keys in another order",
    expected: ["none"],
    first: (name) => ({ ...plainRequest(name), extra: kwargs({ reasoning_effort: "high", unused: 1 }) }),
    next: (turn) => ({ ...nextTurn(turn), extra: kwargs({ unused: 1, reasoning_effort: "high" }) }),
  },
  {
    title: "a parameter that no template reads",
    expected: ["none"],
    next: (turn) => ({ ...nextTurn(turn), extra: kwargs({ unused: 1 }) }),
  },
  {
    title: "reasoning_effort raised, and a date in the system prompt changed",
    expected: ["system_changed", "parameters_changed"],
    next: (turn) => ({
      ...nextTurn(turn),
      system: [turn.system[0]!, `${turn.system[1]} Tuesday`],
      extra: effort("high"),
    }),
  },
  {
    title: "a new session with another reasoning_effort",
    expected: ["new_session"],
    next: (turn, { name }) => ({
      ...turn,
      session: `${name}2-0000-4000-8000-000000000000`,
      messages: [say(`another task ${words("q", 200)}`)],
      extra: effort("high"),
    }),
  },
];

/** What the template renders in each message of the user, as GLM-4.6 does with `enable_thinking`. */
export const EVERYWHERE_BREAKS: readonly Break[] = [
  {
    title: "enable_thinking switched off",
    expected: ["parameters_changed"],
    next: (turn) => ({ ...nextTurn(turn), extra: kwargs({ enable_thinking: false }) }),
  },
  {
    title: "enable_thinking switched on after a side request for a title",
    expected: ["parameters_changed"],
    first: (name) => ({ ...plainRequest(name), extra: kwargs({ enable_thinking: false }) }),
    async next(turn, { name, send }) {
      await send({ ...turn, tools: [], system: [`Title for ${name}`], messages: [say(words("t", 60))] });
      return { ...nextTurn(turn), extra: kwargs({ enable_thinking: true }) };
    },
  },
  {
    title: "enable_thinking given as it is by default",
    expected: ["none"],
    next: (turn) => ({ ...nextTurn(turn), extra: kwargs({ enable_thinking: true }) }),
  },
  {
    title: "reasoning_effort set to none in OpenAI's shape",
    expected: ["parameters_changed"],
    first: (name) => ({ ...plainRequest(name), api: "openai" }),
    next: (turn) => ({ ...nextTurn(turn), extra: { reasoning_effort: "none" } }),
  },
  {
    title: "reasoning.effort set to none in the Responses API",
    expected: ["parameters_changed"],
    first: (name) => ({ ...plainRequest(name), api: "responses" }),
    next: (turn) => ({ ...nextTurn(turn), extra: { reasoning: { effort: "none" } } }),
  },
];

// --- internal ---

function kwargs(values: object): object {
  return { chat_template_kwargs: values };
}

function effort(level: string): object {
  return kwargs({ reasoning_effort: level });
}
