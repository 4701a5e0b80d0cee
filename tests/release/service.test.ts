import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SERVICE = join(import.meta.dir, "../../deploy");

test.skipIf(!Bun.which("python3"))(
  "the launchd agent is a property list that starts the installed binary",
  async () => {
    const script = "import json, plistlib, sys; print(json.dumps(plistlib.load(sys.stdin.buffer)))";
    const plist = await Bun.file(join(SERVICE, "io.github.cache-proxy.plist")).bytes();
    const child = Bun.spawn(["python3", "-c", script], { stdin: plist, stdout: "pipe", stderr: "inherit" });
    expect(JSON.parse(await new Response(child.stdout).text())).toEqual({
      Label: "io.github.cache-proxy",
      ProgramArguments: [
        "/bin/sh",
        "-c",
        'exec /usr/local/bin/cache-proxy 2>>"$HOME/Library/Logs/cache-proxy.log"',
      ],
      EnvironmentVariables: { BUN_CONFIG_MAX_HTTP_REQUESTS: "4096" },
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
    });
  },
);

test.skipIf(!Bun.which("systemd-analyze"))(
  "the systemd user unit passes systemd-analyze verify",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "unit-"));
    try {
      // The check needs a program that exists.
      const unit = await Bun.file(join(SERVICE, "cache-proxy.service")).text();
      const path = join(folder, "cache-proxy.service");
      await Bun.write(
        path,
        unit.replace("ExecStart=/usr/local/bin/cache-proxy", `ExecStart=${process.execPath}`),
      );
      const env = { ...process.env, XDG_RUNTIME_DIR: folder };
      const command = ["systemd-analyze", "verify", "--user", "--man=no", path];
      const child = Bun.spawn(command, { env, stdio: ["ignore", "pipe", "pipe"] });
      const said = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
      const ours = said.split("\n").filter((line) => line.includes("cache-proxy.service"));
      expect({ exitCode: await child.exited, ours }).toEqual({ exitCode: 0, ours: [] });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
