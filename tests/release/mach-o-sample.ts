import { type Entitlements, signAdHoc } from "../../scripts/release/sign.ts";

/** Where the sample's signature begins: its last page is a partial one, as in every real program. */
export const CODE_LIMIT = 2 * 4096 + 0x230;
const LINKEDIT = 2 * 4096;
const COMMANDS = 32;

/** The blobs of slots 5 and 7 as codesign writes them, with the two entitlements that the check asks for. */
export const ENTITLEMENTS: Entitlements = {
  xml: blob(
    0xfade7171,
    `<plist version="1.0"><dict>
<key>com.apple.security.cs.allow-jit</key><true/>
<key>com.apple.security.cs.allow-unsigned-executable-memory</key><true/>
</dict></plist>`,
  ),
  der: blob(0xfade7172, "the same in DER"),
};

/** A program of three pages for arm64 and macOS 13.0 with the load commands that matter, signed ad hoc. */
export function signedSample(): Uint8Array {
  return signAdHoc(unsignedSample(), "sample", ENTITLEMENTS);
}

/** The same with room for a signature, but none in it. */
export function unsignedSample(): Uint8Array {
  const bytes = new Uint8Array(CODE_LIMIT + 64).map((_, index) => (index * 31) & 0xff);
  const commands = [
    segment("__TEXT", 0, LINKEDIT),
    segment("__LINKEDIT", LINKEDIT, CODE_LIMIT + 64 - LINKEDIT),
    words(0x32, 24, 1, 13 << 16, 26 << 16, 0),
    words(0x1d, 16, CODE_LIMIT, 64),
  ];
  const size = commands.reduce((total, command) => total + command.length, 0);
  bytes.set(Buffer.concat([words(0xfeedfacf, 0x0100000c, 0, 2, commands.length, size, 0, 0), ...commands]));
  return bytes;
}

/** Where in the sample the load command with this number stands. */
export function commandAt(bytes: Uint8Array, kind: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let at = COMMANDS;
  while (view.getUint32(at, true) !== kind) at += view.getUint32(at + 4, true);
  return at;
}

// --- internal ---

function words(...values: number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index);
  return bytes;
}

function segment(name: string, offset: number, size: number): Uint8Array {
  const bytes = Buffer.alloc(72);
  bytes.set(words(0x19, 72));
  bytes.write(name, 8);
  bytes.writeBigUInt64LE(BigInt(offset), 40);
  bytes.writeBigUInt64LE(BigInt(size), 48);
  return bytes;
}

function blob(magic: number, text: string): Uint8Array {
  const bytes = Buffer.alloc(8 + text.length);
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt32BE(bytes.length, 4);
  bytes.write(text, 8);
  return bytes;
}
