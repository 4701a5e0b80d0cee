import { compare } from "../prefix/compare.ts";
import { type Difference, differenceOf } from "../prefix/difference.ts";
import { outlineOf } from "../prefix/outline.ts";
import { type SectionView, sectionViews } from "../prefix/sections.ts";
import { hasImages, loopStart } from "../prefix/spoken.ts";
import type { ClientRequest } from "../request/request.ts";
import { Bodies } from "../session/bodies.ts";
import { type Outlined, Outlines, type Sender } from "../session/outlines.ts";
import type { Testimony, Witness } from "../upstream/witness.ts";
import type { Cause } from "./cause.ts";
import { causeOf, isLost } from "./explain.ts";
import { type Earlier, sharedTokens } from "./explain-shared.ts";
import type { RequestRecord } from "./record.ts";
import type { Situation } from "./situation.ts";

/** A request beside the earlier one that it was compared with, section by section; no text. */
export interface RequestView {
  readonly record: RequestRecord;
  /** The id of the earlier request; left out if there was none. */
  readonly compared_with?: number;
  readonly sections: readonly SectionView[];
}

/** A cause as far as the requests show it, and the promise of what the server adds to it. */
export interface Explanation {
  readonly cause: Cause | undefined;
  readonly later?: Promise<Cause | undefined>;
}

export interface ExplainerSettings {
  readonly witness: Witness;
  /** Evaluated tokens per second in this run. */
  readonly speed: () => number | undefined;
  /** The server that answered last, by the key of a conversation. */
  readonly replicaOf: (key: string | undefined) => string | undefined;
  /** Gets the text around the first difference of each request that has a cause; without it no text is kept. */
  readonly onDifference?: ((difference: Difference) => void) | undefined;
}

/** Joins what two requests share with what the server had of it, and finds the cause of what was evaluated again. */
export class Explainer {
  readonly #settings: ExplainerSettings;
  readonly #outlines = new Outlines();
  readonly #running = new Set<number>();
  /** Which server answered each conversation last, where a balancer names it. */
  readonly #servers = new Map<number, string>();
  readonly #bodies = new Bodies();
  readonly #compared: Compared[] = [];

  constructor(settings: ExplainerSettings) {
    this.#settings = settings;
  }

  /**
   * Makes the outline of a request. To be called after it was sent, so that no client waits for it. Ids must count up. Keeps no reference to
   * `body`.
   */
  sent(id: number, client: ClientRequest, body: Uint8Array, sentAt: number): void {
    this.#running.add(id);
    this.#settings.witness.sent({ model: client.model, sentAt });
    const { endpoint } = client;
    const outline = endpoint && outlineOf(body, endpoint.shape);
    if (!outline) return;
    this.#outlines.add(id, senderOf(client), outline, sentAt);
    // Not `slice`, which makes a view of a Buffer.
    if (this.#settings.onDifference) this.#bodies.add(id, new Uint8Array(body));
  }

  /** To be called once per request, when it has ended. */
  explain(record: RequestRecord): Explanation {
    const { witness } = this.#settings;
    if (this.#running.delete(record.id)) witness.ended(record.evaluated_tokens, { model: record.model });
    const own = this.#outlines.get(record.id);
    const { prompt_tokens: prompt, cached_tokens: cached, evaluated_tokens: evaluated } = record;
    if (!own || (prompt === undefined && !isAnswered(record))) return { cause: undefined };
    const earlier = this.#outlines.previous(own) ?? this.#outlines.nearest(own);
    this.#note({ record, own, ...(earlier && { earlier }) });
    const situation =
      prompt === undefined || cached === undefined || evaluated === undefined
        ? undefined
        : this.#situation(own, { prompt, cached, evaluated });
    const isElsewhere = this.#changesServer(own);
    this.#outlines.count(record.id, prompt);
    if (!situation) return { cause: undefined };
    const cause = causeOf(situation);
    const asked = { model: record.model, sentAt: own.sentAt };
    if (!earlier || !isLost(situation)) {
      if (cause) witness.look(asked);
      return { cause };
    }
    const later = witness.testify(earlier.sentAt, asked).then((server) => {
      return causeOf({ ...situation, server: isElsewhere ? { ...server, replica: true } : server });
    });
    return { cause, later };
  }

  /** One of the last requests, compared with the earlier one; `undefined` if it is not remembered. */
  view(id: number): RequestView | undefined {
    const found = this.#compared.find(({ record }) => record.id === id);
    if (!found) return undefined;
    const { record, earlier, own } = found;
    return {
      record,
      ...(earlier && { compared_with: earlier.id }),
      sections: sectionViews(earlier?.outline, own.outline),
    };
  }

  /** To be called when the listeners have heard of a record, which has its cause now. */
  told(record: RequestRecord): void {
    const at = this.#compared.findIndex((one) => one.record.id === record.id);
    const compared = this.#compared[at];
    if (!compared) return;
    this.#compared[at] = { ...compared, record };
    if (record.cause && compared.earlier) this.#showDifference(compared.earlier.id, record.id);
  }

  // --- internal ---

  /** Notes which server answered, and returns whether it is another one than before. */
  #changesServer({ conversation, caller }: Outlined): boolean {
    const server = this.#settings.replicaOf(caller.key);
    const before = this.#servers.get(conversation);
    if (server === undefined) return false;
    this.#servers.delete(conversation);
    this.#servers.set(conversation, server);
    for (const oldest of this.#servers.keys()) if (this.#servers.size > KEPT) this.#servers.delete(oldest);
    return before !== undefined && before !== server;
  }

  #showDifference(earlier: number, later: number): void {
    const [before, after] = [this.#bodies.get(earlier), this.#bodies.get(later)];
    const found = before && after && differenceOf(before, after);
    if (found) this.#settings.onDifference?.(found);
  }

  #note(compared: Compared): void {
    this.#compared.push(compared);
    if (this.#compared.length > KEPT) this.#compared.shift();
  }

  #situation(own: Outlined, figures: Pick<Situation, "prompt" | "cached" | "evaluated">): Situation {
    const previous = this.#outlines.previous(own);
    const nearest = previous ? undefined : this.#outlines.nearest(own);
    const earlier = previous ?? nearest;
    const perByte = figures.prompt / Math.max(1, own.outline.bytes);
    return {
      ...figures,
      bytes: own.outline.bytes,
      agent: own.caller.agent,
      model: own.outline.model,
      previous: previous && earlierOf(previous, own, perByte),
      nearest: nearest && {
        ...earlierOf(nearest, own, perByte),
        session: nearest.caller.session,
        isSameSession: own.caller.session !== undefined && nearest.caller.session === own.caller.session,
      },
      loopStart: previous && loopStart(previous.outline, own.outline),
      hasImages: previous && hasImages(previous.outline),
      hasToolSearch: own.outline.tools.some(({ name }) => name === "ToolSearch"),
      server: UNKNOWN,
      between: earlier ? this.#between(earlier, own, perByte) : [],
      speed: this.#settings.speed(),
    };
  }

  #between(earlier: Outlined, own: Outlined, perByte: number): Situation["between"] {
    return this.#outlines.between(earlier, own).map((other) => ({
      session: other.caller.session,
      agent: other.caller.agent,
      model: other.outline.model,
      shared: sharedTokens(earlierOf(other, own, perByte)),
    }));
  }
}

// --- internal ---

function senderOf({ session, agent, agent_id, conversation }: ClientRequest): Sender {
  return {
    ...(session && { session }),
    ...(agent && { agent }),
    ...(agent_id && { agent_id }),
    ...(conversation && { key: conversation }),
  };
}

interface Compared {
  readonly record: RequestRecord;
  readonly earlier?: Outlined;
  readonly own: Outlined;
}

/** Requests whose comparison can still be looked at. */
const KEPT = 32;

const UNKNOWN: Testimony = {};

/** Some answers have no figures; the prompt was evaluated all the same. */
function isAnswered({ outcome, status }: RequestRecord): boolean {
  return outcome === "complete" && status === 200;
}

/** A prompt that was not counted is estimated by length, rather too short than too long: no plain turn must look like a loss. */
function earlierOf({ outline, marks = [], tokens }: Outlined, own: Outlined, perByte: number): Earlier {
  return {
    comparison: compare(outline, own.outline),
    tokens: tokens ?? Math.round(outline.bytes * perByte * 0.9),
    isCounted: tokens !== undefined,
    bytes: outline.bytes,
    marks,
  };
}
