import { styleText } from "node:util";
import type { ArgsDef, CommandDef } from "citty";
import { wrapped } from "../format/wrapped.ts";

export interface HelpStyle {
  /** Width of the terminal. */
  readonly columns: number;
  readonly color: boolean;
}

/** What help is made of. */
export type HelpedCommand = Pick<CommandDef, "meta" | "args" | "subCommands">;

/** Lines of more than this are hard to read, however wide the terminal is. */
const WIDEST = 100;
const NARROWEST = 30;

/**
 * The help of a command, wrapped to the terminal's width: flags on the left, their texts beside them, or below them on a narrow terminal.
 * `parent` is the command of which it is a subcommand.
 */
export async function renderHelp(
  command: HelpedCommand,
  { columns, color }: HelpStyle,
  parent?: HelpedCommand,
): Promise<string> {
  const width = Math.min(WIDEST, Math.max(NARROWEST, columns - 1));
  const heading = (text: string): string =>
    color ? styleText("bold", text, { validateStream: false }) : text;
  const [meta, args, subCommands] = [
    await resolved(command.meta),
    await resolved(command.args),
    await resolved(command.subCommands),
  ];
  const name = [parent && (await resolved(parent.meta))?.name, meta?.name].filter(Boolean).join(" ");
  const commands: Row[] = [];
  for (const [title, definition] of Object.entries(subCommands ?? {})) {
    const { description = "" } = (await resolved((await resolved(definition))?.meta)) ?? {};
    commands.push([title, description]);
  }
  return [
    wrapped(`${meta?.description ?? name}.`, width).join("\n"),
    `${heading("Usage:")} ${usageOf(name, commands.length > 0)}`,
    section(heading("Commands:"), commands, width),
    section(heading("Flags:"), Object.entries(args ?? {}).map(flagRow), width),
    section(heading("Example:"), EXAMPLES[name] ?? [], width),
    wrapped(PAGE, width).join("\n"),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

// --- internal ---

/** What is on the left, and its text. */
type Row = readonly [left: string, text: string];

const PAGE =
  "While it runs, http://127.0.0.1:8081/cache-proxy/ shows each request: what was cached, what was evaluated, and where the time went.";

const EXAMPLES: Readonly<Record<string, readonly Row[]>> = {
  "cache-proxy": [
    ["llama-server -m model.gguf --port 8080", ""],
    ["cache-proxy --upstream http://localhost:8080", ""],
    ["ANTHROPIC_BASE_URL=http://127.0.0.1:8081 ANTHROPIC_AUTH_TOKEN=local claude", ""],
  ],
  "cache-proxy run": [["cache-proxy run -- claude", ""]],
  "cache-proxy doctor": [["cache-proxy doctor --upstream http://localhost:8080", ""]],
};

function usageOf(name: string, hasCommands: boolean): string {
  return name.endsWith(" run")
    ? `${name} [flags] -- command`
    : `${name} ${hasCommands ? "[command] " : ""}[flags]`;
}

function flagRow([name, arg]: [string, ArgsDef[string]]): Row {
  const short = "alias" in arg && typeof arg.alias === "string" ? `-${arg.alias}, ` : "";
  const choices = "options" in arg ? arg.options?.join("|") : undefined;
  const value = arg.type === "boolean" ? "" : `=${choices ?? arg.valueHint ?? "value"}`;
  const fallback = arg.default === undefined ? "" : ` (default ${String(arg.default)})`;
  return [`${short}--${name}${value}`, `${arg.description ?? ""}${fallback}`];
}

function section(title: string, rows: readonly Row[], width: number): string {
  if (rows.length === 0) return "";
  const longest = Math.max(...rows.map(([left]) => left.length));
  const column = longest + 4 <= width / 2 ? longest + 4 : undefined;
  return [title, ...rows.flatMap((row) => rowLines(row, column, width))].join("\n");
}

/** Without a `column` for the text, it is below. */
function rowLines([left, text]: Row, column: number | undefined, width: number): string[] {
  const indent = " ".repeat(column ?? 6);
  const [first = "", ...rest] = text === "" ? [] : wrapped(text, width - indent.length);
  if (column === undefined)
    return [`  ${left}`, ...[first, ...rest].filter(Boolean).map((line) => indent + line)];
  return [`  ${left}`.padEnd(column) + first, ...rest.map((line) => indent + line)].map((line) =>
    line.trimEnd(),
  );
}

/** citty allows a value, a promise or a function that gives one. */
async function resolved<Value>(
  value: Value | Promise<Value> | (() => Value | Promise<Value>) | undefined,
): Promise<Value | undefined> {
  return typeof value === "function" ? await (value as () => Value | Promise<Value>)() : await value;
}
