const BOUNDS = { entries: 16, bytes: 64 * 2 ** 20 };

/** The bodies of the last requests, in memory only, for users who want to see the text of a difference. */
export class Bodies {
  readonly #bodies = new Map<number, Uint8Array>();

  get(id: number): Uint8Array | undefined {
    return this.#bodies.get(id);
  }

  /** Beyond 16 bodies or 64 MiB the oldest ones are forgotten. */
  add(id: number, body: Uint8Array): void {
    this.#bodies.set(id, body);
    let bytes = [...this.#bodies.values()].reduce((sum, { length }) => sum + length, 0);
    for (const [oldest, { length }] of this.#bodies) {
      if (this.#bodies.size <= BOUNDS.entries && bytes <= BOUNDS.bytes) return;
      this.#bodies.delete(oldest);
      bytes -= length;
    }
  }
}
