import { type Child, startChild, within } from "./child.ts";
import { commandLine, environment, LONGEST_SESSION_MS, type SessionOptions } from "./claude.ts";

/** A session of several messages, with interruptions and slash commands, as programs that use the SDK run it. */
export interface Chat extends AsyncDisposable {
  /** Sends the user's words and returns when the model has finished its turn. */
  say(words: string): Promise<void>;
  /** Sends the user's words and interrupts the model during its first tool call. */
  interruptAfter(words: string): Promise<void>;
  /** Ends the session as closing the terminal would, and returns the exit code. */
  close(): Promise<number>;
}

/** Starts a chat in Claude Code's JSON Lines mode. */
export function startChat(options: SessionOptions): Chat {
  const events: Event[] = [];
  const arrivals = new EventTarget();
  const child = startChild([...commandLine(options, []), ...JSON_LINES], {
    cwd: options.user.project,
    env: environment(options),
    onLine: (line) => {
      events.push(JSON.parse(line) as Event);
      arrivals.dispatchEvent(new CustomEvent("arrival"));
    },
  });

  /** Returns after the next event that satisfies `isWanted`; earlier events do not count. */
  async function next(isWanted: (event: Event) => boolean): Promise<void> {
    let from = events.length;
    const arrived = async () => {
      while (!events.slice(from).some(isWanted)) {
        from = events.length;
        await new Promise((resolve) => arrivals.addEventListener("arrival", resolve, { once: true }));
      }
    };
    await within(LONGEST_SESSION_MS, arrived(), () => stateOf(child));
  }

  return {
    async say(words) {
      child.write(userMessage(words));
      await next(isResult);
    },
    async interruptAfter(words) {
      child.write(userMessage(words));
      await next(isToolCall);
      child.write(
        line({ type: "control_request", request_id: "interrupt", request: { subtype: "interrupt" } }),
      );
      await next(isResult);
    },
    close() {
      child.closeInput();
      return within(LONGEST_SESSION_MS, child.exited, () => stateOf(child));
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

// --- internal ---

const JSON_LINES = ["--input-format", "stream-json", "--output-format", "stream-json", "--verbose"];

interface Event {
  readonly type: string;
  readonly message?: { readonly content: string | readonly { readonly type: string }[] };
}

function isResult({ type }: Event): boolean {
  return type === "result";
}

function isToolCall({ type, message }: Event): boolean {
  const content = message?.content;
  return type === "assistant" && Array.isArray(content) && content.some((block) => block.type === "tool_use");
}

function userMessage(words: string): string {
  return line({ type: "user", message: { role: "user", content: [{ type: "text", text: words }] } });
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function stateOf(child: Child): string {
  return `${child.output()}\n${child.messages()}`;
}
