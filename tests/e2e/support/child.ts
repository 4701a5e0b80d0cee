/** A program that runs until it exits or the test ends. */
export interface Child extends AsyncDisposable {
  readonly exited: Promise<number>;
  /** Its stdout so far. */
  output(): string;
  /** Its stderr so far. */
  messages(): string;
  /** Waits for the first match in its stderr. Throws if the program ends without one. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  write(text: string): void;
  closeInput(): void;
  signal(name: NodeJS.Signals): void;
}

export interface ChildOptions {
  readonly cwd?: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Record<string, string>;
  /** Called with each line of stdout as it arrives. */
  readonly onLine?: (line: string) => void;
}

/** Starts `command` as the leader of its own process group. Disposing kills that group and nothing else. */
export function startChild(command: readonly string[], options: ChildOptions): Child {
  const child = Bun.spawn([...command], {
    ...(options.cwd ? { cwd: options.cwd } : {}),
    env: options.env,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  const output = collect(child.stdout, linesTo(options.onLine));
  const messages = collect(child.stderr, () => {});
  return {
    exited: Promise.all([child.exited, output.ended, messages.ended]).then(([code]) => code),
    output: () => output.text,
    messages: () => messages.text,
    said: (pattern) => messages.match(pattern),
    write: (text) => void child.stdin.write(text),
    closeInput: () => void child.stdin.end(),
    signal: (name) => process.kill(child.pid, name),
    async [Symbol.asyncDispose]() {
      killGroup(child.pid);
      await child.exited;
    },
  };
}

/** Resolves as `promise` does, or throws an error with `state()` after `ms` milliseconds. */
export async function within<T>(ms: number, promise: Promise<T>, state: () => string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not finished after ${ms} ms:\n${state()}`)), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

// --- internal ---

interface Collected {
  text: string;
  readonly ended: Promise<void>;
  match(pattern: RegExp): Promise<RegExpExecArray>;
}

function collect(stream: ReadableStream<Uint8Array>, onText: (text: string) => void): Collected {
  const news = new EventTarget();
  let done = false;
  const collected: Collected = { text: "", ended: read(), match };
  return collected;

  async function read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      const text = decoder.decode(bytes, { stream: true });
      collected.text += text;
      onText(text);
      news.dispatchEvent(new Event("news"));
    }
    done = true;
    news.dispatchEvent(new Event("news"));
  }

  async function match(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(collected.text);
      if (found) return found;
      if (done) throw new Error(`ended without ${pattern}:\n${collected.text}`);
      await new Promise((resolve) => news.addEventListener("news", resolve, { once: true }));
    }
  }
}

function linesTo(onLine: (line: string) => void = () => {}): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // No such group: all its processes have already exited.
  }
}
