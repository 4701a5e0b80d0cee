import type { ServerFacts } from "../../upstream/props.ts";
import type { Health } from "../../web/health.ts";

/** Everything that doctor has asked for, as plain values: the checks read this and nothing else. `undefined` is what is not known. */
export interface Observed {
  /** The upstream as one URL. */
  readonly url: string;
  readonly addresses: readonly ProbedAddress[];
  /** Why there is no answer. */
  readonly cause?: string | undefined;
  /** The status of `/props`. */
  readonly status?: number | undefined;
  /** The `Server` header. */
  readonly software?: string | undefined;
  readonly facts?: ServerFacts | undefined;
  readonly isRouter: boolean;
  /** A cache-proxy that answers at the upstream's address. */
  readonly proxyAsUpstream?: Partial<Health> | undefined;
  readonly models: readonly string[];
  /** The `owned_by` of the models. */
  readonly owner?: string | undefined;
  /** Whether a key was sent along. */
  readonly hasKey: boolean;
  readonly slots?: SlotsSeen | undefined;
  /** The statuses of `/slots` and `/metrics`. */
  readonly endpoints: { readonly slots?: number | undefined; readonly metrics?: number | undefined };
  readonly template?: TemplateSeen | undefined;
  readonly replicas?: ReplicasSeen | undefined;
  readonly client: ClientSeen;
  /** What is at the proxy's usual port. */
  readonly port: {
    readonly number: number;
    readonly proxy?: Partial<Health> | undefined;
    readonly isTaken: boolean;
  };
  /** Of this program. */
  readonly version: string;
}

/** An address that the upstream's name stands for. */
export interface ProbedAddress {
  readonly address: string;
  readonly family: 4 | 6;
  readonly isOpen: boolean;
}

export interface SlotsSeen {
  /** Slots that hold tokens of a prompt, as far as the server says. */
  readonly held: number;
  readonly busy: number;
  readonly total: number;
  /** Whether the server shows how far a prefill is; older builds do not. */
  readonly showsFigures: boolean;
}

/** What the answers for several conversations show about a balancer in front of the servers. */
export interface ReplicasSeen {
  /** The servers as the balancer names them. */
  readonly names: readonly string[];
  /** The header in which it does so. */
  readonly header: string;
  /** The program that answers for the server, such as `nginx`, where it says so. */
  readonly gateway?: string | undefined;
  /** Servers that their start times, `/props` or task ids tell apart: 1 is also what is seen where they show nothing. */
  readonly processes: number;
  /** How many different `/props` they have. */
  readonly kinds: number;
}

/** What became of probes that the template was given; "refused" is an error. */
export interface TemplateSeen {
  readonly systemTurns: "kept" | "dropped" | "hoisted" | "refused";
  readonly twoUserTurns: "accepted" | "refused";
  readonly tools: "shown" | "dropped" | "refused";
  readonly earlierThinking: "kept" | "dropped" | "refused";
  /** A variable of the template that keeps earlier thinking, if one does. */
  readonly keepsThinkingWith?: string | undefined;
}

export interface ClientSeen {
  /** `undefined` where Claude Code is not installed. */
  readonly version?: string | undefined;
  /** Its environment as the settings files and this process set it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}
