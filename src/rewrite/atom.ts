/** Longer numbers are no client's; with them their whole body is left alone. */
const MOST_BYTES = 64;

/** https://www.rfc-editor.org/rfc/rfc8259#section-3 and 6, up to white space or the end of what it stands in. */
const ATOM = /^(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?=[ \t\r\n,\]}]|$)/;

/** Where the number, `true`, `false` or `null` at byte `at` ends; `undefined` when there is none, or one of more than 64 bytes. */
export function atomEnd(bytes: Buffer, at: number): number | undefined {
  const atom = ATOM.exec(bytes.toString("latin1", at, at + MOST_BYTES + 1))?.[0];
  return atom === undefined || atom.length > MOST_BYTES ? undefined : at + atom.length;
}
