/**
 * An MCP server over stdio that connects late: `bun late-mcp-server.ts FOLDER` answers nothing before the file `wanted` is in the folder,
 * and makes the file `listed` when it has said which tools it has (https://modelcontextprotocol.io/specification).
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

interface Call {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly protocolVersion?: string };
}

const folder = process.argv[2] ?? ".";

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line) as Call;
  while (!existsSync(join(folder, "wanted"))) await Bun.sleep(50);
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, ...answer(method, params) }));
  if (method === "tools/list") writeFileSync(join(folder, "listed"), "");
}

// --- internal ---

function answer(method: string | undefined, params: Call["params"]): object {
  if (method === "initialize")
    return {
      result: {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "late", version: "1" },
      },
    };
  if (method === "tools/list") return { result: { tools: ["lift", "ledger"].map(toolOf) } };
  return { error: { code: -32601, message: `no ${method}` } };
}

function toolOf(name: string): object {
  return {
    name,
    description: `Reads the ${name}. ${"It takes a path and returns what is there. ".repeat(20)}`,
    inputSchema: { type: "object", properties: { path: { type: "string" } } },
  };
}
