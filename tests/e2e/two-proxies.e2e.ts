/** A real conversation that moves to another pair of proxy and llama-server: its requests arrive there as they would have at the first. */
import { expect, test } from "bun:test";
import { claudeCode, newestVersion } from "./setup/claude-code.ts";
import { startProxy } from "./support/proxy.ts";
import { isInference, listen, type Recorded, record } from "./support/recording.ts";
import { resend } from "./support/replay.ts";
import { knownTool, recordStory, STORIES } from "./support/stories.ts";

const claude = await claudeCode(await newestVersion());

for (const [name, story] of Object.entries({ ...STORIES, "ToolSearch for a known tool": knownTool })) {
  test(`${name}: a proxy that has just started forwards what one forwards that has seen the whole conversation`, async () => {
    const sent = await recordStory(story, claude);
    const received: string[] = [];
    await using upstream = listen(async (request) => {
      const recorded = await record(request);
      if (recorded.target === "/props") return Response.json({ total_slots: 1, chat_template: "any" });
      if (isInference(recorded)) received.push(Buffer.from(recorded.body).toString());
      return Response.json({});
    });
    await using first = await startProxy(upstream.origin, "--warm", "off");
    for (const request of sent) {
      await using other = await startProxy(upstream.origin, "--warm", "off");
      const [seen, moved] = [await forwarded(request, first.origin), await forwarded(request, other.origin)];
      // Without the prompt in the message of a failure.
      expect(moved === seen).toBe(true);
      expect(seen === Buffer.from(request.body).toString()).toBe(false);
    }

    async function forwarded(request: Recorded, origin: string): Promise<string> {
      const before = received.length;
      await resend(request, origin);
      expect(received.length).toBe(before + 1);
      return received.at(-1)!;
    }
  }, 180_000);
}
