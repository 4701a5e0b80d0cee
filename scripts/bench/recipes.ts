import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { provide, run } from "../../tests/e2e/setup/cache.ts";

/** How a peer is started on a port in front of an upstream. */
export interface Recipe {
  readonly name: string;
  /** The most streams of events that it passes on at once, if there is such a number. */
  readonly mostStreams?: number;
  /** `undefined` when the program is not installed here. */
  readonly command: (port: number, upstreamPort: number, folder: string) => Promise<string[] | undefined>;
}

const HERE = import.meta.dir;
const ROOT = join(HERE, "../..");
const BINARY = join(ROOT, "dist/cache-proxy");

/**
 * nginx, HAProxy and the Python forwarder rewrite nothing; `bare` is the least that Bun.serve and fetch can do. The others read and change
 * requests of Claude Code as cache-proxy does, for purposes of their own.
 */
export const RECIPES: readonly Recipe[] = [
  {
    name: "bare",
    command: async (port, upstream) => [process.execPath, join(HERE, "bare.ts"), `${port}`, `${upstream}`],
  },
  {
    name: "cache-proxy",
    command: async (port, upstream) =>
      existsSync(BINARY)
        ? [BINARY, `--port=${port}`, `--upstream=http://127.0.0.1:${upstream}`, "--quiet"]
        : undefined,
  },
  { name: "nginx", command: nginx },
  { name: "HAProxy", command: haproxy },
  { name: "@lmnr-ai/claude-code-proxy", command: lmnr },
  // It reads the events, and refuses the bench's, which are not those of a whole answer.
  { name: "LiteLLM", mostStreams: 0, command: litellm },
  {
    name: "Python http.server",
    mostStreams: 1,
    command: async (port, upstream) =>
      Bun.which("python3") ? ["python3", join(HERE, "forwarder.py"), `${port}`, `${upstream}`] : undefined,
  },
];

// --- internal ---

/** One process, nothing buffered, connections to the upstream kept. */
async function nginx(port: number, upstream: number, folder: string): Promise<string[] | undefined> {
  if (!Bun.which("nginx")) return undefined;
  const config = join(folder, "nginx.conf");
  await Bun.write(
    config,
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr;
events { worker_connections 1024; }
http {
  access_log off; client_max_body_size 0; client_body_buffer_size 1m; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  upstream llama { server 127.0.0.1:${upstream}; keepalive 128; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://llama; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
  }
}
`,
  );
  return ["nginx", "-c", config, "-e", "stderr"];
}

async function haproxy(port: number, upstream: number, folder: string): Promise<string[] | undefined> {
  if (!Bun.which("haproxy")) return undefined;
  const config = join(folder, "haproxy.cfg");
  await Bun.write(
    config,
    `global
  nbthread 1
defaults
  mode http
  option http-no-delay
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend in
  bind 127.0.0.1:${port}
  default_backend llama
backend llama
  server one 127.0.0.1:${upstream}
`,
  );
  return ["haproxy", "-db", "-f", config];
}

/** From npm, into the cache folder of the end-to-end tests. It sends traces only for requests that ask for it. */
async function lmnr(port: number, upstream: number, folder: string): Promise<string[] | undefined> {
  const name = "@lmnr-ai/claude-code-proxy";
  const home = await provide("lmnr-claude-code-proxy-0.1.24", async (path) => {
    mkdirSync(path, { recursive: true });
    await run([process.execPath, "add", "--cwd", path, `${name}@0.1.24`]);
  });
  const script = join(folder, "lmnr.ts");
  await Bun.write(
    script,
    `import { ProxyServer } from ${JSON.stringify(join(home, "node_modules", name, "dist/index.js"))};
new ProxyServer(${port}).runServer("http://127.0.0.1:${upstream}");
setInterval(() => {}, 1e6);
`,
  );
  return [process.execPath, script];
}

/** Where it is installed: `pip install "litellm[proxy]"` brings 500 MB. */
async function litellm(port: number, upstream: number, folder: string): Promise<string[] | undefined> {
  if (!Bun.which("litellm")) return undefined;
  const config = join(folder, "litellm.yaml");
  await Bun.write(
    config,
    `model_list:
  - model_name: "*"
    litellm_params: { model: "anthropic/*", api_base: "http://127.0.0.1:${upstream}", api_key: "none" }
general_settings: { dangerously_permit_weak_or_unset_master_key: true }
`,
  );
  const offline = ["LITELLM_LOCAL_MODEL_COST_MAP=True", "LITELLM_TELEMETRY=False"];
  return ["env", ...offline, "litellm", "--config", config, "--host", "127.0.0.1", "--port", `${port}`];
}
