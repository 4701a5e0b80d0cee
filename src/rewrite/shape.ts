/** Which parts of a body to report. Where the value is of another kind than the shape expects, only its place is reported. */
export interface Shape {
  /** Of an object: the members to report. */
  readonly members?: Readonly<Record<string, Shape>>;
  /** Of a string: the texts to recognize. ASCII without quotes, backslashes, and control characters. */
  readonly words?: readonly string[];
  /** Of a member: unless its value is one of its words, the members after it are not reported. */
  readonly decides?: boolean;
  /** Of an array: what to report of each element. */
  readonly each?: Shape;
  /** Of an array: what to report of the first element, in addition to `each`. */
  readonly first?: Shape;
}

/** A shape in the form that the scanner uses. */
export interface CompiledShape {
  readonly keys: readonly Key[];
  readonly words: readonly Word[];
  readonly decides: boolean;
  readonly first: CompiledShape | undefined;
  readonly each: CompiledShape | undefined;
}

/** Comparing bytes takes a tenth of the time of making a string from them. */
export interface Word {
  readonly text: string;
  readonly bytes: Uint8Array;
}

export interface Key extends Word {
  readonly shape: CompiledShape;
}

/** A shape that reports everything that either shape reports. It may also report words and members that only the other one asked for. */
export function mergeShapes(one: Shape, other: Shape): Shape {
  const each = mergeOptional(one.each, other.each);
  const first = mergeOptional(one.first, other.first);
  return {
    members: mergeMembers(one.members ?? {}, other.members ?? {}),
    words: [...new Set([...(one.words ?? []), ...(other.words ?? [])])],
    decides: one.decides === true && other.decides === true,
    ...(each && { each }),
    ...(first && { first }),
  };
}

/** Takes longer than scanning a small body: compile a shape once. */
export function compile({ members = {}, words = [], decides = false, each, first }: Shape): CompiledShape {
  const compiledEach = each && compile(each);
  return {
    keys: Object.entries(members).map(([name, shape]) => ({ ...wordFrom(name), shape: compile(shape) })),
    words: words.map(wordFrom),
    decides,
    first: first ? compile(each ? mergeShapes(first, each) : first) : compiledEach,
    each: compiledEach,
  };
}

// --- internal ---

type Members = Readonly<Record<string, Shape>>;

function mergeOptional(one: Shape | undefined, other: Shape | undefined): Shape | undefined {
  return one && other ? mergeShapes(one, other) : (one ?? other);
}

function mergeMembers(one: Members, other: Members): Members {
  if (Object.keys(one).length === 0 || Object.keys(other).length === 0) return { ...one, ...other };
  return Object.fromEntries(
    Object.keys({ ...one, ...other }).map((name) => {
      const [here, there] = [memberOf(one, name), memberOf(other, name)];
      // A member that decides for one shape must not hide members that only the other shape asks for.
      return [name, here && there ? mergeShapes(here, there) : { ...(here ?? there), decides: false }];
    }),
  );
}

/** Members may have the names of properties that every object has, such as `toString`. */
function memberOf(members: Members, name: string): Shape | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

function wordFrom(text: string): Word {
  return { text, bytes: Buffer.from(text) };
}
