import { parseArgs } from "node:util";

/** Stands in for llama-server where a test needs one that loads slowly or crashes. */
const { values } = parseArgs({
  options: {
    port: { type: "string" },
    /** Answers 503 to so many questions. */
    loading: { type: "string", default: "0" },
    "exit-at-start": { type: "string" },
    stubborn: { type: "boolean" },
  },
});

if (values["exit-at-start"]) process.exit(Number(values["exit-at-start"]));
if (values.stubborn) process.on("SIGTERM", () => {});
console.log("fake llama-server");
let left = Number(values.loading);

Bun.serve({
  port: Number(values.port),
  hostname: "127.0.0.1",
  fetch({ url, method }) {
    const { pathname } = new URL(url);
    if (pathname === "/crash") process.exit(9);
    if (left-- > 0) return new Response("loading", { status: 503 });
    if (pathname === "/props") return Response.json({ total_slots: 1, chat_template: "" });
    return new Response(`${method} ${pathname}`);
  },
});
