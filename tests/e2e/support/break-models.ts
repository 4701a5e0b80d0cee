import {
  afterOthers,
  afterRestart,
  type Break,
  nextTurn,
  plainRequest,
  pruned,
  type Request,
  say,
  words,
} from "./breaks.ts";

/** The models of the router. Each has a server of its own. */
export const ONE = "claude-one";
export const OTHER = "claude-other";

/** Behind a router that keeps both models loaded; the servers have no RAM cache. */
export const LOADED_BREAKS: readonly Break[] = [
  {
    title: "a next turn",
    expected: ["none"],
    first: onOne,
    next: (turn) => nextTurn(turn),
  },
  {
    title: "the client asked the router for another model",
    expected: ["model_changed"],
    first: onOne,
    next: (turn) => ({ ...nextTurn(turn), model: OTHER }),
  },
  {
    title: "the same, and the system prompt names the model",
    expected: ["model_changed"],
    first: onOne,
    next: (turn) => ({
      ...nextTurn(turn),
      model: OTHER,
      system: [turn.system[0]!, `${turn.system[1]} Model: other`],
    }),
  },
  {
    title: "a next turn on the other model",
    expected: ["none"],
    first: onOne,
    async next(turn, { send }) {
      const switched = { ...nextTurn(turn), model: OTHER };
      await send(switched);
      return nextTurn(switched);
    },
  },
  {
    title: "back to the first model after one turn on the other",
    expected: ["none"],
    first: onOne,
    async next(turn, { send }) {
      const switched = { ...nextTurn(turn, "Hm"), model: OTHER };
      await send(switched);
      return { ...nextTurn(switched, "And on"), model: ONE };
    },
  },
  {
    title: "a turn after another session on the other model",
    expected: ["none"],
    first: onOne,
    next: afterOthers({ model: OTHER }),
  },
  {
    title: "a turn after a subagent on the other model",
    expected: ["none"],
    first: onOne,
    async next(turn, { name, send }) {
      await send({ ...plainRequest(`${name}sub`), session: turn.session, agentId: "agent-1", model: OTHER });
      return nextTurn(turn);
    },
  },
  {
    title: "another session on the same model took the slot",
    expected: ["slot_taken"],
    first: onOne,
    next: afterOthers({ model: ONE }),
  },
  {
    title: "the same, and then a session on the other model",
    expected: ["slot_taken"],
    first: onOne,
    next: afterOthers({ model: ONE }, { model: OTHER }),
  },
  {
    title: "a new session on the other model",
    expected: ["new_session"],
    first: onOne,
    next: (turn, { name }) => ({
      ...turn,
      model: OTHER,
      session: `${name}2-0000-4000-8000-000000000000`,
      messages: [say(`another task ${words("q", 200)}`)],
    }),
  },
  {
    title: "a tool result pruned",
    expected: ["message_edited"],
    first: onOne,
    next: pruned,
  },
  {
    title: "the model's server restarted",
    expected: ["server_restarted"],
    first: onOne,
    next: afterRestart,
  },
];

/** Behind a router that ends the server of a model before it starts that of another one. */
export const SWAPPED_BREAKS: readonly Break[] = [
  {
    title: "a session on another model in between",
    expected: ["model_loaded"],
    first: onOne,
    next: afterOthers({ model: OTHER }),
  },
  {
    title: "a session on another model, and then one on the same",
    expected: ["model_loaded"],
    first: onOne,
    next: afterOthers({ model: OTHER }, { model: ONE }),
  },
  {
    title: "the client switched to a model that had been loaded before",
    expected: ["model_changed"],
    first: onOne,
    async next(turn, { name, send }) {
      await send({ ...plainRequest(`${name}x`), model: OTHER });
      const back = nextTurn(turn);
      await send(back);
      return { ...nextTurn(back), model: OTHER };
    },
  },
];

// --- internal ---

function onOne(name: string): Request {
  return { ...plainRequest(name), model: ONE };
}
