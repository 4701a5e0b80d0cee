import { describe, expect, test } from "bun:test";
import pkg from "../../package.json" with { type: "json" };
import { command } from "../../src/cli/commands.ts";
import { type Options, readOptions, UsageError, version } from "../../src/cli/options.ts";

const DEFAULTS: Options = {
  port: 8081,
  host: "127.0.0.1",
  upstream: { origin: "http://localhost:8080", basePath: "" },
  replicaHeader: "x-served-by",
  allowHosts: [],
  systemTurns: "fold",
  projectParagraphs: "move",
  tools: "stable",
  warm: "auto",
  remember: "on",
  explain: "cause",
  logFormat: "text",
  verbose: false,
  quiet: false,
};

describe("readOptions", () => {
  test.each<[string, string[], Partial<Options>]>([
    ["nothing given", [], {}],
    ["a port after a space", ["--port", "9090"], { port: 9090 }],
    ["a port after an equals sign", ["--port=9090"], { port: 9090 }],
    ["port 0", ["--port", "0"], { port: 0 }],
    ["the highest port", ["--port", "65535"], { port: 65535 }],
    ["the last of two ports", ["--port", "1", "--port", "2"], { port: 2 }],
    ["all addresses", ["--host", "0.0.0.0"], { host: "0.0.0.0" }],
    ["an IPv6 address", ["--host", "::1"], { host: "::1" }],
    ["an IPv6 address in brackets", ["--host=[::1]"], { host: "::1" }],
    ["a host name", ["--host", "my-mac.local"], { host: "my-mac.local" }],
    ["an upstream", ["--upstream", "http://localhost:8080"], {}],
    ["an upstream with a final slash", ["--upstream", "http://localhost:8080/"], {}],
    [
      "an https upstream with a base path",
      ["--upstream", "https://gpu.lan/llama/v2/"],
      { upstream: { origin: "https://gpu.lan", basePath: "/llama/v2" } },
    ],
    ["a default port", ["--upstream=http://h:80"], { upstream: { origin: "http://h", basePath: "" } }],
    [
      "an IPv6 upstream",
      ["--upstream=http://[::1]:8080"],
      { upstream: { origin: "http://[::1]:8080", basePath: "" } },
    ],
    ["a replica header", ["--replica-header", "X-Backend"], { replicaHeader: "X-Backend" }],
    ["one allowed host", ["--allow-host", "My-Mac.local."], { allowHosts: ["my-mac.local"] }],
    ["an allowed address", ["--allow-host", "[FD00::5]"], { allowHosts: ["fd00::5"] }],
    ["two allowed hosts", ["--allow-host", "a", "--allow-host=b_c"], { allowHosts: ["a", "b_c"] }],
    ["project paragraphs kept", ["--project-paragraphs", "keep"], { projectParagraphs: "keep" }],
    ["system turns kept", ["--system-turns", "keep"], { systemTurns: "keep" }],
    ["tools kept", ["--tools=keep"], { tools: "keep" }],
    ["no warm-ups", ["--warm", "off"], { warm: "off" }],
    ["the text of differences", ["--explain", "text"], { explain: "text" }],
    ["nothing remembered", ["--remember=off"], { remember: "off" }],
    ["JSON lines", ["--log-format", "json"], { logFormat: "json" }],
    ["verbose and quiet", ["--verbose", "--quiet"], { verbose: true, quiet: true }],
    [
      "port and upstream together",
      ["--port", "9090", "--upstream", "http://h:1"],
      { port: 9090, upstream: { origin: "http://h:1", basePath: "" } },
    ],
  ])("%s", (_, argv, want) => {
    expect(readOptions(argv)).toEqual({ ...DEFAULTS, ...want });
  });

  test("help and version, whatever else is given", () => {
    expect(readOptions(["--help"])).toBe("help");
    expect(readOptions(["-h"])).toBe("help");
    expect(readOptions(["--version"])).toBe("version");
    expect(readOptions(["--port", "none", "--help"])).toBe("help");
    expect(readOptions(["--verbose", "--version"])).toBe("version");
    expect(readOptions(["--forget"])).toBe("forget");
  });

  test("the options are frozen", () => {
    expect(Object.isFrozen(readOptions([]))).toBe(true);
  });
});

describe("a usage error is one line with the value and the values allowed", () => {
  test.each([
    [["--prot=5"], "--prot", "--help"],
    [["-p", "5"], "-p", "--help"],
    [["serve"], "serve", "--help"],
    [["--", "serve"], "serve", "--help"],
    [["--port"], "--port", "--help"],
    [["--verbose=yes"], "--verbose", "--help"],
    [["--no-verbose"], "--no-verbose", "--help"],
    [["--port", "-1"], "'--port' has no value;", "--help"],
    [["--port="], '--port ""', "0 to 65535"],
    [["--port", "65536"], '"65536"', "0 to 65535"],
    [["--port", "80a"], '"80a"', "0 to 65535"],
    [["--port=-1"], '"-1"', "0 to 65535"],
    [["--port", "8e3"], '"8e3"', "0 to 65535"],
    [["--port", " 80"], '" 80"', "0 to 65535"],
    [["--host", ""], '--host ""', "or a host name"],
    [["--host", "http://a"], '"http://a"', "or a host name"],
    [["--host", "a b"], '"a b"', "or a host name"],
    [["--upstream", "localhost:8080"], '"localhost:8080"', "http://host:port"],
    [["--upstream", "ftp://h"], '"ftp://h"', "http://host:port"],
    [["--upstream", "http://"], '"http://"', "http://host:port"],
    [["--upstream", ""], '--upstream ""', "http://host:port"],
    [["--upstream", "http://h/?a=b"], "query", "http(s)://host:port/path"],
    [["--upstream", "http://h/#a"], "fragment", "http(s)://host:port/path"],
    [["--replica-header", "x served"], '"x served"', "the name of a header"],
    [["--allow-host", "http://h"], '"http://h"', "without scheme and port"],
    [["--allow-host", "h:80"], '"h:80"', "without scheme and port"],
    [["--allow-host", "*"], '"*"', "without scheme and port"],
    [["--system-turns", "hoist"], '"hoist"', "fold or keep"],
    [["--tools", "sort"], '"sort"', "stable or keep"],
    [["--log-format", "xml"], '"xml"', "text or json"],
  ])("%j", (argv, value, allowed) => {
    const message = messageOf(argv);
    expect(message).toContain(value);
    expect(message).toContain(allowed);
    expect(message).not.toContain("\n");
  });

  test("a password in the upstream is not shown", () => {
    const message = messageOf(["--upstream", "http://me:secret@h:1"]);
    expect(message).toContain("password");
    expect(message).not.toContain("secret");
  });
});

test("the command's definition has the name, the version and every default", () => {
  expect(command.meta).toMatchObject({ name: "cache-proxy", version: pkg.version });
  expect(version).toBe(pkg.version);
  const args = command.args as unknown as Record<string, { default?: string }>;
  const given = Object.entries(args).flatMap(([name, arg]) =>
    arg.default === undefined ? [] : [`--${name}=${arg.default}`],
  );
  expect(readOptions(given)).toEqual(DEFAULTS);
});

// --- internal ---

function messageOf(argv: readonly string[]): string {
  try {
    readOptions(argv);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
  throw new Error(`accepted: ${argv.join(" ")}`);
}
