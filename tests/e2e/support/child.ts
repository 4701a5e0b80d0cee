/** A program that runs until it ends or the test does. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<number>;
  write(text: string): void;
  closeInput(): void;
  /** What it wrote to stderr so far. */
  messages(): string;
  /** Ends it and everything it started; returns when it is gone. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly cwd?: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Record<string, string>;
  readonly onOutput?: (text: string) => void;
}

/** Starts `command` as the leader of a process group of its own, so that `stop` reaches what it started and nothing else. */
export function startChild(command: readonly string[], options: ChildOptions): Child {
  const child = Bun.spawn([...command], {
    ...(options.cwd ? { cwd: options.cwd } : {}),
    env: options.env,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  let messages = "";
  const drained = Promise.all([
    drain(child.stdout, (text) => options.onOutput?.(text)),
    drain(child.stderr, (text) => {
      messages += text;
    }),
  ]);
  const stop = async (): Promise<void> => {
    killGroup(child.pid);
    await child.exited;
  };
  return {
    pid: child.pid,
    exited: child.exited.then((code) => drained.then(() => code)),
    messages: () => messages,
    write: (text) => {
      child.stdin.write(text);
      child.stdin.flush();
    },
    closeInput: () => child.stdin.end(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

// --- internal ---

async function drain(stream: ReadableStream<Uint8Array>, onText: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) onText(decoder.decode(bytes, { stream: true }));
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // The group is empty: all of it has ended by itself.
  }
}
