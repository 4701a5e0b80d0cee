/** The header with which a balancer names the server that answered, unless the user says otherwise. */
export const REPLICA_HEADER = "x-served-by";

/** Conversations whose server is remembered; the one that was silent for longest is forgotten first. */
const MAX_CONVERSATIONS = 4_096;

/** Which of several servers after a balancer each conversation is on, as far as the balancer names them. */
export class Replicas {
  readonly #header: string;
  readonly #names = new Set<string>();
  readonly #byConversation = new Map<string, string>();

  /** `header` is the name of the header in which the balancer names the server. */
  constructor(header: string = REPLICA_HEADER) {
    this.#header = header;
  }

  /** The servers that have answered so far; empty without a balancer that names them. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  /** The server that last answered a conversation; `undefined` if it is not known. */
  of(conversation: string | undefined): string | undefined {
    return conversation === undefined ? undefined : this.#byConversation.get(conversation);
  }

  /** To be called with the headers of every answer. */
  note(conversation: string | undefined, headers: Headers): void {
    const name = headers.get(this.#header);
    if (name === null || !NAME.test(name)) return;
    if (this.#names.size < MAX_NAMES) this.#names.add(name);
    if (conversation === undefined) return;
    this.#byConversation.delete(conversation);
    this.#byConversation.set(conversation, name);
    if (this.#byConversation.size <= MAX_CONVERSATIONS) return;
    const [oldest = ""] = this.#byConversation.keys();
    this.#byConversation.delete(oldest);
  }
}

// --- internal ---

/** A host and port, or the balancer's own name for a server. */
const NAME = /^[\w.:[\]/-]{1,128}$/;

/** More than anybody runs; a balancer that makes up a name for each answer fills no memory. */
const MAX_NAMES = 256;
