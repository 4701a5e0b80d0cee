import { atomEnd } from "./atom.ts";
import { SKIP_WASM } from "./skip-wasm.ts";

/**
 * Passes over whole values of one body, several times faster than JavaScript can: most of a body is what no pass asks for, and
 * to look for the quotes in it one by one is nearly all that a scan costs. The walk itself is WebAssembly, skip.wat.
 */
export class Skipper {
  private readonly bytes: Buffer;
  private readonly machine: Machine;
  /** Tells skippers apart without keeping one, and with it a body of hundreds of megabytes, alive. */
  private readonly number: number;
  /** Which part of the body stands in the machine's memory. */
  private windowStart = 0;
  private windowEnd = 0;

  /** `undefined` where the engine has no WebAssembly or, as on x64 before AVX, no vectors for it. */
  static over(bytes: Buffer): Skipper | undefined {
    found ??= { machine: createMachine() };
    return found.machine && new Skipper(bytes, found.machine);
  }

  private constructor(bytes: Buffer, machine: Machine) {
    this.bytes = bytes;
    this.machine = machine;
    this.number = ++machine.skippers;
  }

  /**
   * Where the JSON value that begins at byte `at` ends; `undefined` when it is no JSON (RFC 8259), has no end, or nests
   * deeper than `room` levels (at most 1 024). Of strings only the end is looked for. Cheapest when called from the start
   * of a body to its end.
   */
  end(at: number, room: number): number | undefined {
    this.machine.begin(room);
    if (this.machine.loadedBy !== this.number || at < this.windowStart || at >= this.windowEnd) this.load(at);
    for (let from: number | undefined = at; from !== undefined; ) {
      const toMemory = this.machine.windowAt - this.windowStart;
      const result = this.machine.skip(from + toMemory, this.windowEnd + toMemory);
      const place = (result >> 2) - toMemory;
      if ((result & 3) === DONE) return place;
      from = this.goOn(result & 3, place);
    }
    return undefined;
  }

  // --- internal ---

  /** Where to go on after the machine has stopped at `place`; `undefined` where it cannot. */
  private goOn(reason: number, place: number): number | undefined {
    if (reason === ATOM_HERE) return atomEnd(this.bytes, place);
    if (reason !== MORE || this.windowEnd === this.bytes.length) return undefined;
    this.load(place);
    return place;
  }

  private load(from: number): void {
    const { memory, windowAt, windowBytes } = this.machine;
    this.windowStart = from;
    this.windowEnd = Math.min(from + windowBytes, this.bytes.length);
    this.bytes.copy(memory, windowAt, from, this.windowEnd);
    this.machine.loadedBy = this.number;
  }
}

// --- internal ---

/** What skip.wat exports, and how its calls end. */
interface Machine {
  /** How many skippers were made, and the number of the one whose window stands in memory. */
  skippers: number;
  loadedBy: number;
  readonly memory: Uint8Array;
  readonly windowAt: number;
  readonly windowBytes: number;
  readonly begin: (room: number) => void;
  readonly skip: (at: number, end: number) => number;
}
const DONE = 0;
const MORE = 1;
const ATOM_HERE = 2;

/** One for all bodies: a walk never waits, so no two are at work at once. Made for the first of them, not for every `--version`. */
let found: { readonly machine: Machine | undefined } | undefined;

function createMachine(): Machine | undefined {
  const code = Buffer.from(SKIP_WASM, "base64");
  if (!globalThis.WebAssembly?.validate(code)) return undefined;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
  const { memory, WINDOW, WINDOW_BYTES, begin, skip } = exports as Record<string, unknown>;
  return {
    skippers: 0,
    loadedBy: 0,
    memory: new Uint8Array((memory as WebAssembly.Memory).buffer),
    windowAt: (WINDOW as WebAssembly.Global<"i32">).value,
    windowBytes: (WINDOW_BYTES as WebAssembly.Global<"i32">).value,
    begin: begin as Machine["begin"],
    skip: skip as Machine["skip"],
  };
}
