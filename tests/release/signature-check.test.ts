import { describe, expect, test } from "bun:test";
import { SLOT } from "../../scripts/release/code-signature.ts";
import { readMachO } from "../../scripts/release/mach-o.ts";
import { readEntitlements, signAdHoc } from "../../scripts/release/sign.ts";
import { entitlementFaults, signatureFaults } from "../../scripts/release/signature-check.ts";
import { CODE_LIMIT, commandAt, ENTITLEMENTS, signedSample, unsignedSample } from "./mach-o-sample.ts";

const LC_CODE_SIGNATURE = 0x1d;
const LC_SEGMENT_64 = 0x19;

describe("a sound signature", () => {
  test("has no faults, and covers the load commands that signing wrote", () => {
    const signed = signedSample();
    expect(signatureFaults(signed)).toEqual([]);
    expect(entitlementFaults(signed)).toEqual([]);
    expect(readMachO(signed)).toMatchObject({
      cpu: "arm64",
      executable: true,
      minimumMacos: "13.0",
      signature: { offset: CODE_LIMIT, size: signed.length - CODE_LIMIT },
    });
  });

  test("gives the same bytes when it is put on again, and its entitlements can be read back", () => {
    const signed = signedSample();
    expect(readEntitlements(signed)).toEqual(ENTITLEMENTS);
    expect(signAdHoc(signed, "sample", readEntitlements(signed))).toEqual(signed);
  });
});

describe("a binary damaged on purpose", () => {
  type Damage = (bytes: Uint8Array, view: DataView) => Uint8Array | undefined;
  const cases: [name: string, fault: RegExp, damage: Damage][] = [
    ["a byte of the second page changed", /1 of 3 pages changed after signing, first page 1/, flip(5000)],
    ["the last byte before the signature changed", /first page 2/, flip(CODE_LIMIT - 1)],
    ["a load command changed", /first page 0/, (bytes) => flip(commandAt(bytes, 0x32) + 12)(bytes)],
    ["a page hash changed", /first page 2/, (_, view) => setHash(view, 2, new Uint8Array(32))],
    ["the last page hashed padded with zeros (Bun 1.4.0)", /first page 2/, hashPadded],
    ["a byte after the signature (Bun 1.4.0)", /1 bytes after the signature/, (bytes) => grown(bytes, 1)],
    ["the end cut off (Bun 1.3.12)", /cut off/, (bytes) => bytes.slice(0, -100)],
    ["the whole signature cut off", /no signature SuperBlob|cut off/, (bytes) => bytes.slice(0, CODE_LIMIT)],
    ["the code limit lowered", /code limit 8192 is not where the signature begins/, codeLimit(8192)],
    ["the code limit raised", /code limit \d+ is not where/, codeLimit(CODE_LIMIT + 4096)],
    ["a page hash left out", /2 page hashes for 3 pages/, (_, view) => setDirectory(view, 28, 2)],
    ["an unknown hash type", /unknown hash/, (_, view) => setDirectoryByte(view, 37, 9)],
    ["the entitlements changed", /blob in slot 5 changed/, (_, view) => flipBlob(view, SLOT.entitlements)],
    [
      "the entitlements taken away",
      /blob in slot 5 is missing/,
      (_, view) => dropBlob(view, SLOT.entitlements),
    ],
    [
      "a blob that no hash covers",
      /blob in slot 3 changed/,
      (_, view) => dropBlob(view, SLOT.requirements, 3),
    ],
    ["the CodeDirectory taken away", /no CodeDirectory/, (_, view) => dropBlob(view, SLOT.codeDirectory, 9)],
    ["two blobs in one slot", /two blobs in slot 5/, (_, view) => dropBlob(view, SLOT.derEntitlements, 5)],
    ["an alternate CodeDirectory that is wrong", /2 of 3 pages changed/, withWrongAlternate],
    [
      "the executable segment shortened",
      /executable segment is not __TEXT/,
      (_, view) => setDirectory(view, 76, 1),
    ],
    ["not a main binary", /not signed as a main binary/, (_, view) => setDirectory(view, 84, 0)],
    [
      "the SuperBlob longer than its place",
      /cut off/,
      (_, view) => view.setUint32(CODE_LIMIT + 4, 1e6) as undefined,
    ],
    [
      "a SuperBlob of a million blobs",
      /is cut off/,
      (_, view) => view.setUint32(CODE_LIMIT + 8, 1e6) as undefined,
    ],
    ["another program's signature", /3 of 3 pages changed/, (bytes) => bytes.fill(7, 4000, CODE_LIMIT)],
    [
      "no signature command",
      /not signed/,
      (bytes, view) => view.setUint32(commandAt(bytes, LC_CODE_SIGNATURE), 0x99, true) as undefined,
    ],
    [
      "load commands beyond the file",
      /leaves the load commands/,
      (_, view) => view.setUint32(20, 1e9, true) as undefined,
    ],
    ["no Mach-O at all", /not a thin 64-bit Mach-O/, (bytes) => bytes.fill(0, 0, 4)],
  ];
  test.each(cases)("%s: %p", (_, fault, damage) => {
    const bytes = signedSample();
    const damaged = damage(bytes, new DataView(bytes.buffer)) ?? bytes;
    expect(signatureFaults(damaged).join("\n")).toMatch(fault);
  });

  test("in any one byte of its code never passes", () => {
    const bytes = signedSample();
    for (let at = 0; at < CODE_LIMIT; at++) {
      bytes[at]! ^= 1;
      if (signatureFaults(bytes).length === 0) throw new Error(`byte ${at} changed unseen`);
      bytes[at]! ^= 1;
    }
    expect(signatureFaults(bytes)).toEqual([]);
  });

  test("in any one byte of its signature never makes the check itself fail", () => {
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

  test("in __LINKEDIT's size does not end with the signature", () => {
    const bytes = unsignedSample();
    const signed = signAdHoc(bytes, "sample", ENTITLEMENTS);
    const view = new DataView(signed.buffer);
    const linkedit = commandAt(signed, LC_SEGMENT_64) + 72;
    view.setBigUint64(linkedit + 48, 1n, true);
    expect(signatureFaults(signed)).toContain("__LINKEDIT does not end with the signature");
  });
});

describe("entitlements", () => {
  test("a list without just-in-time compilation is refused", () => {
    const xml = Uint8Array.from(ENTITLEMENTS.xml);
    xml.set(Buffer.from("allow-xxx"), Buffer.from(xml).indexOf("allow-jit"));
    const signed = signAdHoc(unsignedSample(), "sample", { ...ENTITLEMENTS, xml });
    expect(entitlementFaults(signed)).toEqual(["entitlement com.apple.security.cs.allow-jit is missing"]);
  });

  test("a signature that claims an identity is refused", () => {
    const signed = signedSample();
    setDirectory(new DataView(signed.buffer), 12, 0x10000);
    expect(entitlementFaults(signed)).toEqual(["not signed ad hoc"]);
  });
});

// --- internal: the places that damage is done to, in the layout that sign.ts writes ---

function directoryAt(view: DataView): number {
  return CODE_LIMIT + view.getUint32(CODE_LIMIT + 16);
}

function setDirectory(view: DataView, field: number, value: number): undefined {
  view.setUint32(directoryAt(view) + field, value);
}

function setDirectoryByte(view: DataView, field: number, value: number): undefined {
  view.setUint8(directoryAt(view) + field, value);
}

function codeLimit(value: number): (bytes: Uint8Array, view: DataView) => undefined {
  return (_, view) => setDirectory(view, 32, value);
}

function setHash(view: DataView, page: number, hash: Uint8Array): undefined {
  const directory = directoryAt(view);
  const first = directory + view.getUint32(directory + 16);
  new Uint8Array(view.buffer).set(hash, first + 32 * page);
}

function hashPadded(bytes: Uint8Array, view: DataView): undefined {
  const padded = new Uint8Array(4096);
  padded.set(bytes.subarray(2 * 4096, CODE_LIMIT));
  return setHash(view, 2, new Bun.CryptoHasher("sha256").update(padded).digest());
}

function indexEntry(view: DataView, slot: number): number {
  let at = CODE_LIMIT + 12;
  while (view.getUint32(at) !== slot) at += 8;
  return at;
}

function flipBlob(view: DataView, slot: number): undefined {
  flip(CODE_LIMIT + view.getUint32(indexEntry(view, slot) + 4) + 20)(new Uint8Array(view.buffer));
}

/** Gives a blob another slot, where nothing looks for it. */
function dropBlob(view: DataView, slot: number, other = 0x7777): undefined {
  view.setUint32(indexEntry(view, slot), other);
}

/**
 * Takes the empty CMS envelope's entry for a copy of the CodeDirectory with one hash changed. The signature's new size
 * in the load commands changes the first page, so the primary CodeDirectory finds one wrong page and the copy two.
 */
function withWrongAlternate(bytes: Uint8Array, view: DataView): Uint8Array {
  const directory = directoryAt(view);
  const copy = bytes.slice(directory, directory + view.getUint32(directory + 4));
  const copyView = new DataView(copy.buffer);
  copy[copyView.getUint32(16) + 32]! ^= 1;
  const larger = grown(bytes, copy.length);
  const largerView = new DataView(larger.buffer);
  const entry = indexEntry(view, SLOT.cms);
  larger.set(copy, bytes.length);
  largerView.setUint32(entry, 0x1000);
  largerView.setUint32(entry + 4, bytes.length - CODE_LIMIT);
  largerView.setUint32(CODE_LIMIT + 4, larger.length - CODE_LIMIT);
  largerView.setUint32(commandAt(bytes, LC_CODE_SIGNATURE) + 12, larger.length - CODE_LIMIT, true);
  return larger;
}

function grown(bytes: Uint8Array, more: number): Uint8Array {
  const larger = new Uint8Array(bytes.length + more);
  larger.set(bytes);
  return larger;
}

function flip(at: number): (bytes: Uint8Array) => undefined {
  return (bytes) => {
    bytes[at]! ^= 1;
  };
}
