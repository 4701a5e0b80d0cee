import { connect, type Socket } from "node:net";

/** A client that speaks bare TCP: it sees every byte of an answer, and whether its connection ended or was broken. */
export interface RawClient extends Disposable {
  /** All bytes so far, one character each. */
  readonly received: string;
  /** `fin`: ended in order; `reset`: broken off. */
  readonly ended: Promise<"fin" | "reset">;
  write(text: string | Uint8Array): void;
  /** Resolves with all bytes so far once they hold the text; rejects when the connection ends without it. */
  until(text: string): Promise<string>;
  /** Reads no more from the connection, so that the bytes pile up in front of it. */
  pause(): void;
  resume(): void;
  /** Goes away in the middle of everything. */
  leave(): void;
}

export async function rawClient(port: number, host = "127.0.0.1"): Promise<RawClient> {
  const socket = connect(port, host);
  const reader = new Reader(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return reader;
}

/** Sends one request, given as lines and perhaps a body, and resolves with the client. */
export async function request(
  port: number,
  line: string,
  headers: readonly string[] = [],
  body = "",
): Promise<RawClient> {
  const client = await rawClient(port);
  const length = body ? [`content-length: ${Buffer.byteLength(body)}`] : [];
  client.write([`${line} HTTP/1.1`, "host: localhost", ...headers, ...length, "", body].join("\r\n"));
  return client;
}

/** The body of an answer that came in chunks, as far as it has come. */
export function unchunked(received: string): string {
  let rest = received.slice(received.indexOf("\r\n\r\n") + 4);
  let body = "";
  for (;;) {
    const match = /^([0-9a-f]+)\r\n/i.exec(rest);
    if (!match) return body;
    const start = match[0].length;
    const size = Number.parseInt(match[1] as string, 16);
    body += rest.slice(start, start + size);
    rest = rest.slice(start + size + 2);
  }
}

// --- internal ---

class Reader implements RawClient {
  readonly ended: Promise<"fin" | "reset">;
  received = "";
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.received += text;
    });
    this.ended = new Promise((resolve) => {
      socket.once("end", () => resolve("fin"));
      socket.once("error", () => resolve("reset"));
    });
  }

  write(text: string | Uint8Array): void {
    if (typeof text === "string") this.#socket.write(text, "latin1");
    else this.#socket.write(text);
  }

  async until(text: string): Promise<string> {
    while (!this.received.includes(text)) {
      const gone = await Promise.race([this.ended, this.#nextData()]);
      if (gone && !this.received.includes(text)) {
        throw new Error(`${gone} before ${JSON.stringify(text)}; received ${JSON.stringify(this.received)}`);
      }
    }
    return this.received;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  leave(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #nextData(): Promise<undefined> {
    return new Promise((resolve) => this.#socket.once("data", () => resolve(undefined)));
  }
}
