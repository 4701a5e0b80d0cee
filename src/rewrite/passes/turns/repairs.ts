/** In the order of the notes. */
const PHRASES = {
  folded: "system turns folded",
  clientTextsMoved: "client texts moved into their tool result",
  ownWordsMoved: "user blocks moved after the tool results",
  turnsJoined: "user turns joined with the one before",
  redundantDropped: "redundant texts dropped",
  markersDropped: "token markers dropped",
  toolsNamed: "tool references named",
};

/** How often each repair was made. */
export type Repairs = Record<keyof typeof PHRASES, number>;

export function noRepairs(): Repairs {
  return {
    folded: 0,
    clientTextsMoved: 0,
    ownWordsMoved: 0,
    turnsJoined: 0,
    redundantDropped: 0,
    markersDropped: 0,
    toolsNamed: 0,
  };
}

/** One note for each repair that was made. */
export function notesOf(repairs: Repairs): string[] {
  const made = Object.entries(PHRASES).map(([repair, phrase]) => ({
    phrase,
    count: repairs[repair as keyof Repairs],
  }));
  return made.filter(({ count }) => count > 0).map(({ phrase, count }) => `${phrase}: ${count}`);
}
