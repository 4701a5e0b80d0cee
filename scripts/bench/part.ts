/** A part of a benchmark in a process of its own, so that its CPU time and memory are its own. */
export interface Part {
  readonly child: Bun.Subprocess;
  /** Where it listens. */
  readonly origin: string;
}

/** Runs a benchmark's script again in another of its roles, and waits until that has printed where it listens. */
export async function startPart(script: string, ...args: string[]): Promise<Part> {
  const child = Bun.spawn([process.execPath, script, ...args], { stdout: "pipe", stderr: "inherit" });
  return { child, origin: await originIn(child.stdout) };
}

/** The first URL that a process prints; what it prints later is thrown away, so that it never waits for a reader. */
export async function originIn(output: ReadableStream<Uint8Array>): Promise<string> {
  const reader = output.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`no URL in ${JSON.stringify(text)}`);
    text += new TextDecoder().decode(value);
    const origin = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0];
    if (!origin) continue;
    void (async () => {
      while (!(await reader.read()).done);
    })();
    return origin;
  }
}
