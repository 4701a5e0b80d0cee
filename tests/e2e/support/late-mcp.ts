/** An MCP server over stdio that is slow to start: `bun late-mcp.ts MS` answers nothing in its first MS milliseconds. */
import { createInterface } from "node:readline";

interface Call {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly protocolVersion?: string };
}

const wait = Bun.sleep(Number(process.argv[2]));

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line) as Call;
  await wait;
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, ...answer(method, params) }));
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
  const description = `Reads the ${name}. ${"It takes a path and returns what is there. ".repeat(20)}`;
  return {
    name,
    description,
    inputSchema: { type: "object", properties: { path: { type: "string" } } },
  };
}
