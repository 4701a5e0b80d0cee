export interface Cause {
  readonly id: string;
  readonly certain: boolean;
  readonly tokens: number;
  readonly text: string;
}

/** What the proxy reports of its last request. */
export interface Explained {
  readonly cause: Cause | undefined;
  readonly cached: number | undefined;
  readonly evaluated: number | undefined;
}

export async function lastCause(origin: string): Promise<Explained> {
  const answer = await fetch(`${origin}/cache-proxy/stats.json`);
  const { requests } = (await answer.json()) as {
    requests: { cause?: Cause; cached_tokens?: number; evaluated_tokens?: number }[];
  };
  const last = requests.at(-1);
  return { cause: last?.cause, cached: last?.cached_tokens, evaluated: last?.evaluated_tokens };
}
