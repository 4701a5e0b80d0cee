import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { proxyTo } from "../support/proxy.ts";

const DEPLOY = join(import.meta.dir, "../../deploy");
const read = (name: string): Promise<string> => Bun.file(join(DEPLOY, name)).text();

/** Where Debian has its servers. */
const SYSTEM = { PATH: `${process.env.PATH}:/usr/sbin` };

interface Compose {
  readonly services: Readonly<Record<string, { readonly image: string; readonly command?: string }>>;
}

async function compose(): Promise<Compose> {
  return Bun.YAML.parse(await read("compose.yaml")) as Compose;
}

describe("compose.yaml", () => {
  test("has a service for every server of the balancers' configurations", async () => {
    const { services } = await compose();
    const llamas = Object.keys(services).filter((name) => name.startsWith("llama"));
    for (const file of ["haproxy.cfg", "nginx.conf"]) {
      const named = [...(await read(file)).matchAll(/ (llama\d+):8080/g)].map(([, name]) => name!);
      expect([...new Set(named)]).toEqual(llamas);
    }
  });

  test("gives each llama-server as many slots as HAProxy sends it requests", async () => {
    const { services } = await compose();
    const maxconn = /^ *default-server .* maxconn (\d+)$/m.exec(await read("haproxy.cfg"))?.[1];
    expect(services.llama1?.command).toContain(`--parallel ${maxconn} `);
  });

  test("publishes ports on this machine only", async () => {
    const ports = [...(await read("compose.yaml")).matchAll(/^ +- (\S+:)?\d+:\d+$/gm)].map(
      ([, host]) => host,
    );
    expect(ports).toEqual(["127.0.0.1:", "127.0.0.1:"]);
  });
});

describe("the configuration of", () => {
  // HAProxy and nginx look up the servers' names, which only exist inside of Docker.
  const checked = async (file: string) =>
    (await read(file)).replaceAll(/llama\d+:8080/g, "127.0.0.1:8080").replaceAll("/dev/stdout", "/dev/null");

  test.skipIf(!Bun.which("haproxy", SYSTEM))("HAProxy is valid", async () => {
    expect(await check("haproxy.cfg", await checked("haproxy.cfg"), ["haproxy", "-c", "-f"])).toBe(0);
  });

  test.skipIf(!Bun.which("nginx", SYSTEM))("nginx is valid", async () => {
    const command = ["nginx", "-t", "-q", "-e", "/dev/null", "-g", "pid /dev/null;", "-c"];
    expect(await check("nginx.conf", await checked("nginx.conf"), command)).toBe(0);
  });
});

test.skipIf(!Bun.which("bash"))(
  "the image's health check passes where a proxy listens, and fails where none does",
  async () => {
    const line = /^ +CMD (\[.*\])$/m.exec(await read("Dockerfile"))?.[1] ?? "[]";
    const [program = "", flag = "", script = ""] = JSON.parse(line) as string[];
    const healthOf = (port: number) =>
      Bun.spawn([program, flag, script.replace("8081", String(port))], { stderr: "ignore" }).exited;
    const own = (_method: string, path: string) =>
      path === "/cache-proxy/health" ? new Response("{}") : undefined;
    const proxy = proxyTo("http://127.0.0.1:9", { own });
    const port = Number(new URL(proxy.url).port);
    expect(await healthOf(port)).toBe(0);
    await proxy[Symbol.asyncDispose]();
    expect(await healthOf(port)).not.toBe(0);
  },
);

// --- internal ---

async function check(name: string, text: string, command: string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "cache-proxy-deploy-"));
  try {
    writeFileSync(join(folder, name), text);
    const child = Bun.spawn([...command, join(folder, name)], {
      env: SYSTEM,
      stdout: "ignore",
      stderr: "pipe",
    });
    const code = await child.exited;
    if (code !== 0) console.error(await new Response(child.stderr).text());
    return code;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
