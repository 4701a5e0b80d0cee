import { createServer, type Server, type Socket } from "node:net";

/** A request as it arrived at the upstream, byte for byte. */
export interface Arrived {
  readonly method: string;
  readonly target: string;
  /** The header lines as they were written, without the request line. */
  readonly lines: readonly string[];
  readonly body: Buffer;
  /** Of the first header line of that name. */
  header(name: string): string | undefined;
}

/** A connection on which a test answers by hand. */
export interface Connection {
  readonly arrived: Arrived;
  write(text: string | Uint8Array): void;
  /** FIN after what was written. */
  end(): void;
  /** RST, at once. */
  reset(): void;
  /** Resolves when the connection is gone, whoever closed it. */
  readonly closed: Promise<void>;
  /** Resolves when what was written has left this process. */
  drained(): Promise<void>;
}

export interface ScriptedUpstream extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  /** All requests so far. */
  readonly requests: readonly Arrived[];
  /** How many connections were opened so far. */
  readonly connections: number;
}

/** A server on loopback that speaks bare TCP, so that a test decides about every byte and about how a connection ends. */
export async function startUpstream(answer: (connection: Connection) => void): Promise<ScriptedUpstream> {
  const requests: Arrived[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    // Each request of a kept connection listens for its end.
    socket.setMaxListeners(0);
    readRequests(socket, (arrived) => {
      requests.push(arrived);
      answer(connectionOf(socket, arrived));
    });
  });
  const port = await listening(server);
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    requests,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An answer with a known length. */
export function answerText(
  body: string,
  status = "200 OK",
  lines: readonly string[] = ["content-type: text/plain"],
): string {
  return ["HTTP/1.1 " + status, ...lines, `content-length: ${Buffer.byteLength(body)}`, "", body].join(
    "\r\n",
  );
}

/** The head of an answer that comes in chunks. */
export function chunkedHead(
  lines: readonly string[] = ["content-type: text/event-stream"],
  status = "200 OK",
): string {
  return [`HTTP/1.1 ${status}`, ...lines, "transfer-encoding: chunked", "", ""].join("\r\n");
}

/** One chunk of such an answer; the empty chunk ends it. */
export function chunkOf(data: string): string {
  return `${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`;
}

// --- internal ---

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return address.port;
}

/** Calls back for every complete request of a connection. */
function readRequests(socket: Socket, onRequest: (arrived: Arrived) => void): void {
  let unread: Buffer = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (data: Buffer) => {
    unread = Buffer.concat([unread, data]);
    for (let found = parse(unread); found; found = parse(unread)) {
      unread = found.rest;
      onRequest(found.arrived);
    }
  });
}

function parse(bytes: Buffer): { arrived: Arrived; rest: Buffer } | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const header = (name: string) => headerIn(lines, name);
  const length = Number(header("content-length") ?? 0);
  const start = end + 4;
  if (bytes.length < start + length) return undefined;
  const body = Buffer.from(bytes.subarray(start, start + length));
  return { arrived: { method, target, lines, body, header }, rest: bytes.subarray(start + length) };
}

function headerIn(lines: readonly string[], name: string): string | undefined {
  const line = lines.find((each) => each.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return line?.slice(name.length + 1).trim();
}

function connectionOf(socket: Socket, arrived: Arrived): Connection {
  return {
    arrived,
    write: (text) => void socket.write(text),
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
    closed: new Promise((resolve) => socket.once("close", () => resolve())),
    drained: () =>
      new Promise((resolve) => (socket.writableLength === 0 ? resolve() : socket.once("drain", resolve))),
  };
}
