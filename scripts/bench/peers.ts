import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../tests/support/port.ts";

/** A proxy that runs in a process of its own between a client and an upstream. */
export interface Peer {
  readonly name: string;
  readonly origin: string;
  /** Milliseconds from the start of the process to its first answer with status 200. */
  readonly startMs: number;
  /** User and system time so far, milliseconds. */
  cpuMs(): number;
  /** Resident memory, megabytes. */
  residentMb(): number;
  stop(): Promise<void>;
}

/** How a peer is started on a port in front of an upstream. */
interface Recipe {
  readonly name: string;
  /** `undefined` when the program is not installed here. */
  readonly command: (port: number, upstreamPort: number, folder: string) => Promise<string[] | undefined>;
}

const HERE = import.meta.dir;
const ROOT = join(HERE, "../..");
export const BINARY = join(ROOT, "dist/cache-proxy");

/** nginx and HAProxy rewrite nothing; `bare` is the least that Bun.serve and fetch can do. */
const RECIPES: readonly Recipe[] = [
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
  {
    name: "Python http.server",
    command: async (port, upstream) =>
      Bun.which("python3") ? ["python3", join(HERE, "forwarder.py"), `${port}`, `${upstream}`] : undefined,
  },
];

/** Starts every peer that is installed. The list says which are missing. */
export async function startPeers(upstreamPort: number): Promise<{ peers: Peer[]; missing: string[] }> {
  const [peers, missing]: [Peer[], string[]] = [[], []];
  for (const recipe of RECIPES) {
    const peer = await startPeer(recipe, upstreamPort);
    if (peer) peers.push(peer);
    else missing.push(recipe.name);
  }
  return { peers, missing };
}

/** User and system time of a process so far, milliseconds (proc_pid_stat(5): fields 14 and 15, in hundredths of a second). */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

// --- internal ---

async function startPeer({ name, command }: Recipe, upstreamPort: number): Promise<Peer | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const port = await freePort();
  const words = await command(port, upstreamPort, folder);
  if (!words) return undefined;
  const origin = `http://127.0.0.1:${port}`;
  const begun = performance.now();
  const child = Bun.spawn(words, { stdio: ["ignore", "ignore", "ignore"] });
  await untilAnswering(origin);
  return {
    name,
    origin,
    startMs: performance.now() - begun,
    cpuMs: () => cpuMsOf(child.pid),
    residentMb: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1_024,
    async stop() {
      child.kill();
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilAnswering(origin: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    const status = await fetch(origin, { keepalive: false }).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
  }
  throw new Error(`nothing answers at ${origin}`);
}

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
