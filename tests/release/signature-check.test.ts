import { describe, expect, test } from "bun:test";
import { signatureFaults } from "../../scripts/release/signature-check.ts";
import { CODE_LIMIT, commandAt, DIRECTORY, PAGE_HASHES, signedSample } from "./mach-o-sample.ts";

const LC_CODE_SIGNATURE = 0x1d;
const LC_SEGMENT_64 = 0x19;
const SUPER_BLOB = CODE_LIMIT;

test("a valid signature has no faults", () => {
  expect(signatureFaults(signedSample())).toEqual([]);
});

describe("a damaged binary is refused", () => {
  type Damage = (bytes: Buffer) => unknown;
  const cases: [name: string, fault: RegExp, damage: Damage][] = [
    ["a byte of the second page changed", /1 of 3 pages changed after signing, first page 1/, flip(5000)],
    ["the last byte before the signature changed", /first page 2/, flip(CODE_LIMIT - 1)],
    ["a load command changed", /first page 0/, (bytes) => flip(commandAt(bytes, LC_SEGMENT_64) + 60)(bytes)],
    ["a page hash changed", /first page 2/, flip(PAGE_HASHES + 2 * 32)],
    ["the last page hashed with zero padding (Bun 1.4.0)", /first page 2/, hashPadded],
    ["a byte after the signature (Bun 1.4.0)", /1 bytes after the signature/, grow],
    ["the end cut off (Bun 1.3.12)", /cut off/, (bytes) => bytes.subarray(0, -100)],
    ["the whole signature cut off", /cut off/, (bytes) => bytes.subarray(0, CODE_LIMIT)],
    ["the code limit lowered", /code limit 8192 is not the start of the signature/, setDirectory(32, 8192)],
    ["the code limit raised", /code limit \d+ is not the start/, setDirectory(32, CODE_LIMIT + 4096)],
    ["a page hash left out", /2 page hashes for 3 pages/, setDirectory(28, 2)],
    ["more page hashes than bytes", /cut off/, setDirectory(28, 0xffffffff)],
    ["an unknown hash type", /unknown kind of CodeDirectory/, (bytes) => bytes.writeUInt8(9, DIRECTORY + 37)],
    ["an old version without an executable segment", /unknown kind/, setDirectory(8, 0x20300)],
    ["a second blob", /expected one blob/, (bytes) => bytes.writeUInt32BE(2, SUPER_BLOB + 8)],
    ["no CodeDirectory in its slot", /expected one blob/, (bytes) => bytes.writeUInt32BE(9, SUPER_BLOB + 12)],
    ["another blob in the CodeDirectory's slot", /unknown kind/, setDirectory(0, 0xfade0c01)],
    ["no SuperBlob", /not a SuperBlob/, flip(SUPER_BLOB)],
    ["a SuperBlob that is too long", /cut off/, (bytes) => bytes.writeUInt32BE(1e6, SUPER_BLOB + 4)],
    ["the executable segment shortened", /executable segment is not __TEXT/, setDirectory(76, 1)],
    ["not a main binary", /not signed as a main binary/, setDirectory(84, 0)],
    ["an identity claimed", /not signed ad hoc/, setDirectory(12, 0)],
    ["hardened, but without entitlements", /hardened runtime without/, setDirectory(12, 0x10002)],
    ["a short __LINKEDIT", /__LINKEDIT does not end with the signature/, shortenLinkedit],
    [
      "no signature command",
      /not signed/,
      (bytes) => bytes.writeUInt32LE(0x99, commandAt(bytes, LC_CODE_SIGNATURE)),
    ],
    ["load commands past the end of the file", /bad load command/, (bytes) => bytes.writeUInt32LE(1e9, 16)],
    ["not a Mach-O file", /not a thin 64-bit Mach-O/, (bytes) => bytes.fill(0, 0, 4)],
  ];
  test.each(cases)("%s: %p", (_, fault, damage) => {
    const bytes = signedSample();
    const damaged = damage(bytes);
    expect(signatureFaults(damaged instanceof Buffer ? damaged : bytes).join("\n")).toMatch(fault);
  });

  test("any one byte of its code changed", () => {
    const bytes = signedSample();
    for (let at = 0; at < CODE_LIMIT; at++) {
      bytes[at]! ^= 1;
      if (signatureFaults(bytes).length === 0) throw new Error(`a change of byte ${at} is not noticed`);
      bytes[at]! ^= 1;
    }
    expect(signatureFaults(bytes)).toEqual([]);
  });

  test("a file of any length, without throwing", () => {
    const bytes = signedSample();
    for (let length = 0; length < bytes.length; length += 7) {
      expect(signatureFaults(bytes.subarray(0, length))).not.toEqual([]);
    }
  });
});

test("no change of one byte of the signature makes the check throw", () => {
  const bytes = signedSample();
  for (let at = CODE_LIMIT; at < bytes.length; at++) {
    const before = bytes[at]!;
    for (const value of [0, 0x7f, 0xff]) {
      bytes[at] = value;
      expect(signatureFaults(bytes)).toBeArray();
    }
    bytes[at] = before;
  }
});

// --- internal ---

function setDirectory(field: number, value: number): (bytes: Buffer) => void {
  return (bytes) => void bytes.writeUInt32BE(value, DIRECTORY + field);
}

function hashPadded(bytes: Buffer): void {
  const padded = Buffer.alloc(4096);
  padded.set(bytes.subarray(2 * 4096, CODE_LIMIT));
  bytes.set(new Bun.CryptoHasher("sha256").update(padded).digest(), PAGE_HASHES + 2 * 32);
}

function shortenLinkedit(bytes: Buffer): void {
  const linkedit = commandAt(bytes, LC_SEGMENT_64) + 72;
  bytes.writeBigUInt64LE(1n, linkedit + 48);
}

function grow(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(1)]);
}

function flip(at: number): (bytes: Buffer) => void {
  return (bytes) => {
    bytes[at]! ^= 1;
  };
}
