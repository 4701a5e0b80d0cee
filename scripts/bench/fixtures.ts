import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type Random, seeded } from "../../tests/support/seeded.ts";

export interface FixtureOptions {
  /** The same seed and the same source files give the same bytes. */
  readonly seed: number;
  /** The minimum length of the messages; they end with the first step that reaches it. */
  readonly bytes: number;
  /** The text of the first block of `system`. */
  readonly header?: string | undefined;
}

/**
 * A `/v1/messages` body in the shape of Claude Code 2.1.330, with its key order, system turns, and late reminders: a long session of
 * work on this repository. It reads and edits the source files here, and its logs look like those of the tests here. So escapes are as
 * frequent as in real work on code.
 */
export function claudeCodeBody({ seed, bytes, header }: FixtureOptions): Buffer {
  const session = new Session(seeded(seed));
  const messages = session.messages(bytes);
  const body = {
    model: "claude-opus-4-8",
    messages,
    system: [
      ...(header === undefined ? [] : [{ type: "text", text: header }]),
      { type: "text", text: "You are an agent that works on code.", cache_control: CACHED },
      { type: "text", text: session.prose(14_000), cache_control: CACHED },
    ],
    tools: TOOLS.map((name) => session.tool(name)),
    metadata: { user_id: '{"device_id":"0","account_uuid":"","session_id":"5f0c"}' },
    max_tokens: 32_000,
    thinking: { type: "enabled", budget_tokens: 31_999 },
    context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
    output_config: { effort: "high" },
    stream: true,
  };
  return Buffer.from(JSON.stringify(body));
}

// --- internal ---

const ROOT = join(import.meta.dir, "../..");
const CACHED = { type: "ephemeral" };
const TOOLS = [
  ...[
    "Task",
    "Bash",
    "Glob",
    "Grep",
    "Read",
    "Edit",
    "Write",
    "WebSearch",
    "Skill",
    "TodoWrite",
    "ToolSearch",
  ],
  ...["ExitPlanMode"],
];

/** How often each kind of step occurs in a session: mostly reading, then running and editing. */
const STEPS = [
  ...["read", "read", "read", "read", "bash", "bash", "bash", "edit", "edit", "grep", "grep", "json"],
] as const;

interface Source {
  readonly path: string;
  readonly lines: readonly string[];
}

class Session {
  readonly #random: Random;
  readonly #sources = ownSources();
  #calls = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  messages(bytes: number): object[] {
    const turns: object[] = [
      {
        role: "user",
        content: [
          { type: "text", text: this.#reminder(2_000) },
          { type: "text", text: "Have a look at the rewriting and tell me what is slow." },
        ],
      },
      { role: "system", content: this.prose(8_800) },
    ];
    for (let size = 0; size < bytes; ) {
      const step = this.#step();
      size += JSON.stringify(step).length;
      turns.push(...step);
    }
    return turns;
  }

  /** Text made of the comments in the source files. */
  prose(length: number): string {
    let text = "";
    while (text.length < length) {
      const comments = this.#source().lines.filter((line) => /^\s*(\*|\/\/) /.test(line));
      text += `${comments.map((line) => line.replace(/^\s*(\*|\/\/) /, "- ")).join("\n")}\n\n`;
    }
    return text.slice(0, length);
  }

  tool(name: string): object {
    const properties = Object.fromEntries(
      ["path", "pattern", "limit"].map((key) => [key, { type: "string", description: this.prose(150) }]),
    );
    return {
      name,
      description: this.prose(2_500),
      input_schema: { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", properties },
    };
  }

  // --- internal ---

  /** One tool call and its result, sometimes with a late reminder or a system turn. */
  #step(): object[] {
    const id = `toolu_${String(this.#calls++).padStart(24, "0")}`;
    const { name, input, output } = this.#work();
    const late = this.#random.chance(0.15) ? [{ type: "text", text: this.#reminder(300) }] : [];
    const answer = [
      ...(this.#random.chance(0.3)
        ? [{ type: "thinking", thinking: this.prose(600), signature: this.#signature() }]
        : []),
      ...(this.#random.chance(0.4) ? [{ type: "text", text: this.prose(200) }] : []),
      { type: "tool_use", id, name, input },
    ];
    return [
      { role: "assistant", content: answer },
      { role: "user", content: [{ tool_use_id: id, type: "tool_result", content: output }, ...late] },
      ...(this.#random.chance(0.1) ? [{ role: "system", content: this.prose(400) }] : []),
    ];
  }

  #work(): { name: string; input: object; output: unknown } {
    const source = this.#source();
    const path = join("/home/me/cache-proxy", source.path);
    const start = this.#random.below(Math.max(1, source.lines.length - 40));
    const lines = source.lines.slice(start, start + 20 + this.#random.below(300));
    switch (this.#random.pick(STEPS)) {
      case "read":
        return this.#read(path, source.lines);
      case "bash":
        return {
          name: "Bash",
          input: { command: "bun test 2>&1 | tail -60", description: "Run the tests" },
          output: this.#log(),
        };
      case "edit":
        return this.#edit(path, lines.slice(0, 3 + this.#random.below(20)), start);
      case "grep":
        return { name: "Grep", input: { pattern: "const", output_mode: "content" }, output: this.#grep() };
      case "json":
        return {
          name: "mcp__docs__search",
          input: { query: "scan" },
          output: [{ type: "text", text: this.#nested(source.path, lines) }],
        };
    }
  }

  /** Mostly whole files, which is the default of the tool. */
  #read(path: string, lines: readonly string[]): { name: string; input: object; output: string } {
    if (this.#random.chance(0.9))
      return { name: "Read", input: { file_path: path }, output: numbered(lines, 0) };
    const limit = 40 + this.#random.below(160);
    // A client asks for a part that exists: it does not begin in the last lines of the file.
    const offset = this.#random.below(Math.max(1, lines.length - limit));
    const output = numbered(lines.slice(offset, offset + limit), offset);
    return { name: "Read", input: { file_path: path, offset, limit }, output };
  }

  #edit(
    path: string,
    lines: readonly string[],
    start: number,
  ): { name: string; input: object; output: string } {
    const input = {
      file_path: path,
      old_string: lines.join("\n"),
      new_string: lines.join("\n").replaceAll("const", "let"),
    };
    return { name: "Edit", input, output: `The file ${path} has been updated.\n${numbered(lines, start)}` };
  }

  /** The log of a test run or of a compiler. */
  #log(): string {
    const name = this.#source().path;
    const lines = this.#random.some(20, 60, () => {
      const { path, lines } = this.#source();
      const place = `${path}:${1 + this.#random.below(lines.length)}:${1 + this.#random.below(80)}`;
      return this.#random.pick([
        `(pass) ${name} > ${this.#random.pick(lines).trim()} [${this.#random.next().toFixed(2)}ms]`,
        `${place} - error TS2345: Argument of type 'string | undefined' is not assignable to parameter of type 'string'.`,
        `      at <anonymous> (/home/me/cache-proxy/${place})`,
      ]);
    });
    return `bun test v1.4.5\n\n${lines.join("\n")}\n`;
  }

  #grep(): string {
    const hits = this.#random.some(3, 8, () => {
      const { path, lines } = this.#source();
      return lines
        .flatMap((line, at) => (line.includes("const") ? [`${path}:${at + 1}:${line}`] : []))
        .slice(0, 30);
    });
    return hits.flat().join("\n");
  }

  /** What an MCP server answers: JSON as a text, with code inside, so its quotes are escaped twice. */
  #nested(path: string, lines: readonly string[]): string {
    return JSON.stringify(
      { results: [{ path, score: this.#random.next(), excerpt: lines.join("\n") }] },
      null,
      2,
    );
  }

  #reminder(length: number): string {
    return `<system-reminder>\n${this.prose(length)}\n</system-reminder>`;
  }

  #signature(): string {
    return Buffer.from(Array.from({ length: 600 }, () => this.#random.below(256))).toString("base64");
  }

  #source(): Source {
    return this.#random.pick(this.#sources);
  }
}

/** In the format of Claude Code's Read: the number right-aligned, then an arrow. */
function numbered(lines: readonly string[], start: number): string {
  return lines.map((line, at) => `${String(start + at + 1).padStart(6)}→${line}`).join("\n");
}

function ownSources(): Source[] {
  const paths = ["src", "tests", "scripts"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
  );
  return paths
    .toSorted()
    .map((path) => ({ path, lines: readFileSync(join(ROOT, path), "utf8").split("\n") }));
}
