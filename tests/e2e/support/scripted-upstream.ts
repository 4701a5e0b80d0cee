import { asEvents, asMessage } from "./events.ts";
import { isInference, listen, type Recorded, record, type TestServer } from "./recording.ts";
import { answerTo, type Conversation, type Scenario } from "./scenario.ts";

/** An upstream that speaks Anthropic's API, answers from a scenario and keeps every request. */
export interface ScriptedUpstream extends TestServer {
  readonly requests: readonly Recorded[];
}

/** Starts a scripted upstream. Answers depend only on the conversation, so it can serve several sessions and subagents at once. */
export function startScriptedUpstream(scenario: Scenario): ScriptedUpstream {
  const requests: Recorded[] = [];
  const server = listen(async (request) => {
    const recorded = await record(request);
    requests.push(recorded);
    if (isInference(recorded)) return scriptedAnswer(scenario, recorded, `scripted${requests.length}`);
    if (recorded.target.startsWith("/v1/messages/count_tokens")) {
      return Response.json({ input_tokens: Math.ceil(recorded.body.length / 4) });
    }
    return new Response(null, { status: 404 });
  });
  return { ...server, requests };
}

/** The scenario's answer to a request: a stream or JSON, as requested. Its ids contain `id`. */
export function scriptedAnswer(scenario: Scenario, { body }: Recorded, id: string): Response {
  const conversation = JSON.parse(new TextDecoder().decode(body)) as Conversation;
  const blocks = answerTo(scenario, conversation);
  if (!conversation.stream) return Response.json(asMessage(blocks, id, conversation.model));
  const headers = { "content-type": "text/event-stream" };
  return new Response(asEvents(blocks, id, conversation.model), { headers });
}
