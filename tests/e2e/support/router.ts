import type { LlamaServer } from "./llama-server.ts";
import { listen, type Recorded, record, type TestServer } from "./recording.ts";

/** `llama-server`: its router mode (llama.cpp tools/server/README.md); `llama-swap`: as its README describes its paths. */
export type RouterKind = "llama-server" | "llama-swap";

export interface Router extends TestServer {
  /** What was asked of it, as `METHOD /path`. */
  readonly asked: readonly string[];
}

/**
 * A router with one real server for each model, by the model's name. A request for any other model is answered with 404. All models are
 * loaded, or only the one that was asked for last: each other one starts anew when it is wanted.
 */
export function startRouter(
  kind: RouterKind,
  models: Readonly<Record<string, LlamaServer>>,
  loaded: "all" | "one" = "all",
): Router {
  const asked: string[] = [];
  let ready = Object.keys(models);
  const server = listen(async (request) => {
    const recorded = await record(request);
    asked.push(`${recorded.method} ${recorded.target}`);
    const own = kind === "llama-server" ? routerAnswer(recorded) : swapAnswer(recorded, ready);
    if (own) return own;
    const { model, target } = destinationOf(recorded);
    const chosen = models[model];
    if (!chosen) return Response.json({}, { status: 404 });
    if (!ready.includes(model) && recorded.target.includes("autoload=false"))
      return Response.json({}, { status: 400 });
    if (loaded === "one") {
      if (!ready.includes(model)) await chosen.restart();
      ready = [model];
    }
    return pass(recorded, chosen.origin + target);
  });
  return { ...server, asked };
}

// --- internal ---

function routerAnswer({ target }: Recorded): Response | undefined {
  return target === "/props" ? Response.json({ role: "router", model_path: "none" }) : undefined;
}

function swapAnswer({ target }: Recorded, ready: readonly string[]): Response | undefined {
  const running = ready.map((model) => ({ model, state: "ready" }));
  if (target === "/running") return Response.json({ running });
  return target === "/props" ? new Response("404 page not found", { status: 404 }) : undefined;
}

/** The model is in the path, in the query or in the body, in this order; "" if it is in none of them. */
function destinationOf({ target, body }: Recorded): { model: string; target: string } {
  const [, inPath, rest] = /^\/upstream\/([^/]+)(\/.*)$/.exec(target) ?? [];
  if (inPath !== undefined && rest !== undefined) return { model: decodeURIComponent(inPath), target: rest };
  const url = new URL(target, "http://router");
  const inQuery = url.searchParams.get("model");
  if (inQuery !== null) return { model: inQuery, target: url.pathname };
  if (body.length === 0) return { model: "", target };
  return { model: (JSON.parse(Buffer.from(body).toString()) as { model: string }).model, target };
}

async function pass({ method, body, headers }: Recorded, url: string): Promise<Response> {
  const forwarded = new Headers(headers);
  for (const name of ["host", "connection", "content-length"]) forwarded.delete(name);
  const options = {
    ...{ method, headers: forwarded, timeout: false, keepalive: false },
    ...(method === "POST" && { body }),
  };
  return await fetch(url, options as RequestInit);
}
