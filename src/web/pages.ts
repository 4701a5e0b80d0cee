import { pageFile } from "./files.ts";

/** Every path of the proxy itself starts with this; every other path is the upstream's. */
export const OWN_PATH = "/cache-proxy/";

/** Answers a request for the proxy itself, at this path; `undefined` for every path of the upstream. */
export type OwnHandler = (method: string, path: string) => Response | Promise<Response> | undefined;

/** Makes the answers below `/cache-proxy/`; called once per request. */
export interface PagesSource {
  readonly health: () => Response;
  readonly metrics: () => Promise<Response>;
  readonly stats: () => Promise<Response>;
  readonly events: () => Response;
  /** One request, compared with the one before; status 404 if it is not remembered. */
  readonly request: (id: number) => Promise<Response>;
}

/** The page, `health`, `metrics`, `stats.json`, `events` and `requests/ID` below `/cache-proxy/`; status 404 for anything else there. */
export function ownPages(source: PagesSource): OwnHandler {
  return function answerOwn(method, path) {
    if (path === WITHOUT_SLASH)
      return own(new Response(null, { status: 308, headers: { location: OWN_PATH } }));
    if (!path.startsWith(OWN_PATH)) return undefined;
    if (method !== "GET" && method !== "HEAD") return notAllowed();
    const name = path.slice(OWN_PATH.length);
    const answer = endpoint(name, source) ?? answerFile(name);
    return method === "HEAD" ? withoutBody(answer) : answer;
  };
}

// --- internal ---

const WITHOUT_SLASH = OWN_PATH.slice(0, -1);

/** The page loads nothing but its own files and events; the icon is a data URL. https://www.w3.org/TR/CSP3/ */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const OWN_HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

function endpoint(name: string, source: PagesSource): Response | Promise<Response> | undefined {
  const id = /^requests\/(\d{1,15})$/.exec(name)?.[1];
  if (id !== undefined) return source.request(Number(id)).then(own);
  switch (name) {
    case "health":
      return own(source.health());
    case "metrics":
      return source.metrics().then(own);
    case "stats.json":
      return source.stats().then(own);
    case "events":
      return own(source.events());
    default:
      return undefined;
  }
}

async function answerFile(name: string): Promise<Response> {
  const file = await pageFile(name);
  if (!file) return own(new Response("not found\n", { status: 404 }));
  return own(
    new Response(file.body, {
      headers: { "content-type": file.type, "content-security-policy": PAGE_POLICY },
    }),
  );
}

function own(response: Response): Response {
  for (const [name, value] of Object.entries(OWN_HEADERS)) response.headers.set(name, value);
  return response;
}

function notAllowed(): Response {
  return own(new Response("only GET and HEAD\n", { status: 405, headers: { allow: "GET, HEAD" } }));
}

/** The headers of a GET, including the length of a body that ends (RFC 9110, section 8.6). */
async function withoutBody(answer: Response | Promise<Response>): Promise<Response> {
  const { body, status, headers } = await answer;
  if (headers.get("content-type") === "text/event-stream") await body?.cancel();
  else headers.set("content-length", String((await new Response(body).bytes()).length));
  return new Response(null, { status, headers });
}
