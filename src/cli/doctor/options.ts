import type { ArgsDef } from "citty";
import type { Address } from "../../upstream/address.ts";
import { ARGS, parseFlags, readHeaderName, readPort, readUpstream } from "../options.ts";

/** The checked options of `cache-proxy doctor`. */
export interface DoctorOptions {
  readonly upstream: Address;
  /** Where a cache-proxy may be running. */
  readonly port: number;
  /** In which a balancer names the server that answered. */
  readonly replicaHeader: string;
  readonly json: boolean;
  readonly selfTest: boolean;
  /** Whether the self-test may displace what the server has cached. */
  readonly yes: boolean;
}

export const DOCTOR_ARGS = {
  upstream: { ...ARGS.upstream, description: "llama-server to look at" },
  port: { ...ARGS.port, description: "Port on which to look for a running cache-proxy" },
  "replica-header": ARGS["replica-header"],
  json: { type: "boolean", description: "Print the findings as JSON" },
  "no-self-test": { type: "boolean", description: "Evaluate no prompts" },
  yes: {
    type: "boolean",
    alias: "y",
    description: "Run the self-test even if it displaces cached conversations",
  },
  help: ARGS.help,
} as const satisfies ArgsDef;

/** Reads the flags of `doctor`. Throws a `UsageError`. */
export function readDoctorOptions(argv: readonly string[]): DoctorOptions | "help" {
  const flags = parseFlags(argv, DOCTOR_ARGS);
  if (flags.help) return "help";
  return Object.freeze({
    upstream: readUpstream(String(flags.upstream)),
    port: readPort(String(flags.port)),
    replicaHeader: readHeaderName(String(flags["replica-header"])),
    json: flags.json === true,
    selfTest: flags["no-self-test"] !== true,
    yes: flags.yes === true,
  });
}
