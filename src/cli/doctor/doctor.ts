import { constants } from "node:os";
import { createInterface } from "node:readline/promises";
import { grouped } from "../../format/numbers.ts";
import type { Output } from "../../terminal/output.ts";
import { urlOf } from "../../upstream/address.ts";
import { version } from "../options.ts";
import { credentialsOf } from "../run/credentials.ts";
import { check } from "./checks.ts";
import { type Finding, note } from "./finding.ts";
import { observe } from "./observe.ts";
import type { Observed } from "./observed.ts";
import type { DoctorOptions } from "./options.ts";
import { formatCount, formatFinding } from "./print.ts";
import { judge, type SelfTest } from "./self-test/judge.ts";
import { runSelfTest, SELF_TEST_TOKENS } from "./self-test/self-test.ts";
import { formatTable } from "./self-test/table.ts";

/** Finds out what keeps the cache from being used. Resolves to 0 when nothing is a problem, else to 1, and to 130 after Ctrl-C. Writes findings to stdout. */
export async function doctor(options: DoctorOptions, output: Output): Promise<number> {
  const headers = credentialsOf();
  const observed = await observe(options, headers);
  const checked = check(observed);
  print(checked, options);
  const tested = await testCache(options, observed, headers, output);
  const judged = tested && "direct" in tested ? judge(tested) : tested ? [tested] : [];
  const selfTest = tested && "direct" in tested ? tested : undefined;
  if (selfTest && !options.json) console.log(formatTable(selfTest));
  print(judged, options);
  const findings = [...checked, ...judged];
  if (options.json)
    console.log(
      JSON.stringify({ version, upstream: urlOf(options.upstream), findings, self_test: selfTest }, null, 2),
    );
  else console.log(formatCount(findings));
  if (selfTest?.aborted === INTERRUPTED) return 128 + constants.signals.SIGINT;
  return findings.some(({ status }) => status === "problem") ? 1 : 0;
}

// --- internal ---

const INTERRUPTED = "interrupted";

function print(findings: readonly Finding[], { json }: DoctorOptions): void {
  if (json) return;
  const hasColor = process.stdout.isTTY === true && !process.env.NO_COLOR;
  for (const finding of findings) console.log(formatFinding(finding, hasColor));
}

/** The figures, a finding that says why there are none, or nothing where the user wants none or no server can answer. */
async function testCache(
  options: DoctorOptions,
  observed: Observed,
  headers: Headers,
  output: Output,
): Promise<SelfTest | Finding | undefined> {
  const { slots, facts, models, replicas } = observed;
  if (!options.selfTest || observed.cause !== undefined || observed.status === 401 || observed.status === 503)
    return undefined;
  if (observed.isRouter)
    return skipped("it could make the router load a model", "pass the address of the model's own server");
  if (observed.proxyAsUpstream)
    return skipped("another cache-proxy answers", "pass the server's own address");
  if (replicas && Math.max(replicas.names.length, replicas.processes) > 1)
    return skipped("several servers answer, and it measures one", "pass the address of one of them");
  if (!facts) return skipped("the server does not say what it is", "pass llama-server's own address");
  if (slots && slots.busy > 0)
    return skipped("the server is busy with a request", "run doctor again when it is idle");
  if (facts.sleeping)
    return skipped("the server sleeps, and the self-test would wake it", "send a request first");
  if (facts.context !== undefined && facts.context < LONGEST)
    return skipped(
      `its requests of ${grouped(LONGEST)} tokens do not fit into a slot`,
      "use a larger --ctx-size",
    );
  output.line(`The self-test evaluates at most about ${grouped(SELF_TEST_TOKENS)} prompt tokens.`);
  const displaces = slots !== undefined && slots.held > 0 && slots.held === slots.total;
  if (displaces && !options.yes && !(await agrees(slots.total)))
    return skipped("it would displace what the server has cached", "pass --yes to run it anyway");
  return await interruptible((signal) =>
    runSelfTest({
      ...{ upstream: options.upstream, headers, output, signal },
      model: models[0] ?? facts.model ?? "default",
    }),
  );
}

/** Prompt tokens of its longest request, with room to spare. */
const LONGEST = 8_000;

function skipped(why: string, advice: string): Finding {
  return note("self-test.run", `the self-test did not run: ${why}`, advice);
}

async function agrees(slots: number): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const what =
    slots === 1 ? "the conversation in the server's only slot" : `a conversation in one of ${slots} slots`;
  const answer = await prompt.question(`It displaces ${what}; --cache-ram brings it back. Go on? [y/N] `);
  prompt.close();
  return /^y(?:es)?$/i.test(answer.trim());
}

async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const stop = () => abort.abort(INTERRUPTED);
  process.on("SIGINT", stop);
  try {
    return await work(abort.signal);
  } finally {
    process.off("SIGINT", stop);
  }
}
