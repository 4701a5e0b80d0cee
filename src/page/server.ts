import { grouped } from "../format/numbers.ts";
import type { ServerView } from "../upstream/watch.ts";
import { byId } from "./dom.ts";
import { clock } from "./words.ts";

/** Shows in the page's first line which server answers, or since when none does. */
export function showServer(server: ServerView | undefined): void {
  const element = byId<HTMLElement>("server");
  element.dataset.state = server?.state ?? "unknown";
  element.textContent = server ? serverWords(server) : "";
}

/** `llama-server b10434 · Qwen3-Coder-30B · 1 slot · 131 072 tokens`, `llama-server is loading its model`, `not answering since …`. */
export function serverWords(server: ServerView): string {
  switch (server.state) {
    case "unknown":
      return "upstream not asked yet";
    case "loading":
      return `llama-server has been loading its model since ${clock(server.since)}`;
    case "lost":
      return `not answering since ${clock(server.since)}${server.cause ? ` (${server.cause})` : ""}`;
    case "other":
      return `answers, but not like llama-server (status ${server.status} for /props)`;
    case "ready":
      return facts(server);
  }
}

// --- internal ---

function facts({ build, model, slots, context, sleeping }: ServerView): string {
  const parts = [
    build === undefined ? "llama-server" : `llama-server ${build}`,
    model,
    slots === undefined ? undefined : `${slots} ${slots === 1 ? "slot" : "slots"}`,
    context === undefined ? undefined : `${grouped(context)} tokens`,
    sleeping ? "asleep" : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(" · ");
}
