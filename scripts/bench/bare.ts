/** The least that a proxy of Bun.serve and fetch can do, no repair, no guard, no figures: `bun bare.ts PORT UPSTREAM_PORT`. */
const [port = "0", upstream = "8080"] = process.argv.slice(2);

Bun.serve({
  port: Number(port),
  hostname: "127.0.0.1",
  idleTimeout: 0,
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    const { method, headers, signal } = request;
    const body = method === "GET" ? null : await request.bytes();
    const url = `http://127.0.0.1:${upstream}${pathname}${search}`;
    return await fetch(url, {
      method,
      headers,
      body,
      signal,
      redirect: "manual",
      decompress: false,
      timeout: false,
    });
  },
});
