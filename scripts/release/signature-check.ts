import {
  blobContent,
  type CodeDirectory,
  type CodeSignature,
  FLAG,
  type HashName,
  MAIN_BINARY,
  readCodeSignature,
  SLOT,
} from "./code-signature.ts";
import { type MachO, readMachO } from "./mach-o.ts";

/**
 * Says all that is wrong with the signature of a Mach-O executable, or nothing when macOS would accept it: every page
 * and blob has the hash that every CodeDirectory promises, the hashes cover all before the signature, and nothing
 * follows it. Bun 1.3.12 to 1.4.0 broke each of these rules in turn (oven-sh/bun#29120, #39764), and `--compile` of
 * 1.4.5 leaves the runtime's old signature on x64: macOS kills such a program at launch.
 */
export function signatureFaults(bytes: Uint8Array): string[] {
  try {
    const file = readMachO(bytes);
    if (!file.signature) return ["not signed"];
    const { offset, size } = file.signature;
    const signature = readCodeSignature(bytes.subarray(offset, offset + size));
    return [
      ...placeFaults(file, bytes.length),
      ...(signature.blobs.has(SLOT.codeDirectory) ? [] : ["no CodeDirectory"]),
      ...signature.directories.flatMap((directory) => directoryFaults(directory, signature, file, bytes)),
    ];
  } catch (error) {
    return [(error as Error).message];
  }
}

/**
 * Says what keeps a signed program from running JavaScript: it must be signed ad hoc (we have no Apple identity), and
 * the entitlements must allow just-in-time compilation, which the hardened runtime forbids otherwise.
 */
export function entitlementFaults(bytes: Uint8Array): string[] {
  const { signature } = readMachO(bytes);
  if (!signature) return ["not signed"];
  const { blobs, directories } = readCodeSignature(bytes.subarray(signature.offset));
  const entitlements = Buffer.from(blobContent(blobs.get(SLOT.entitlements) ?? new Uint8Array(8))).toString();
  const missing = NEEDED_ENTITLEMENTS.filter(
    (name) => !new RegExp(`${name}</key>\\s*<true/>`).test(entitlements),
  );
  return [
    ...directories.filter(({ flags }) => !(flags & FLAG.adhoc)).map(() => "not signed ad hoc"),
    ...missing.map((name) => `entitlement ${name} is missing`),
    // Since macOS 12 the system reads this second encoding of the same list.
    ...(blobs.has(SLOT.derEntitlements) ? [] : ["entitlements in DER are missing"]),
  ];
}

// --- internal ---

/** What JavaScriptCore cannot do without: memory that is written and then executed. */
const NEEDED_ENTITLEMENTS = [
  "com.apple.security.cs.allow-jit",
  "com.apple.security.cs.allow-unsigned-executable-memory",
] as const;

function placeFaults({ signature, linkedit }: MachO, fileSize: number): string[] {
  const end = (signature?.offset ?? 0) + (signature?.size ?? 0);
  const faults: string[] = [];
  if (end > fileSize) faults.push(`the signature is cut off: it ends at ${end}, the file at ${fileSize}`);
  if (end < fileSize) faults.push(`${fileSize - end} bytes after the signature`);
  if (linkedit.offset + linkedit.size !== end) faults.push("__LINKEDIT does not end with the signature");
  return faults;
}

function directoryFaults(
  directory: CodeDirectory,
  signature: CodeSignature,
  file: MachO,
  bytes: Uint8Array,
): string[] {
  return [
    ...coverFaults(directory, file),
    ...pageFaults(directory, bytes),
    ...blobFaults(directory, signature.blobs),
    ...executableFaults(directory, file),
  ];
}

function coverFaults({ codeLimit, pageSize, pageHashes }: CodeDirectory, { signature }: MachO): string[] {
  const pages = Math.ceil(codeLimit / pageSize);
  const faults: string[] = [];
  if (codeLimit !== signature?.offset) {
    faults.push(`code limit ${codeLimit} is not where the signature begins, ${signature?.offset}`);
  }
  if (pages !== pageHashes.length) faults.push(`${pageHashes.length} page hashes for ${pages} pages`);
  return faults;
}

/** The last page is hashed up to the code limit only; Bun 1.4.0 hashed it padded with zeros. */
function pageFaults({ codeLimit, pageSize, hash, pageHashes }: CodeDirectory, bytes: Uint8Array): string[] {
  const bad = pageHashes.flatMap((want, page) => {
    const content = bytes.subarray(page * pageSize, Math.min((page + 1) * pageSize, codeLimit));
    return sameHash(hash, content, want) ? [] : [page];
  });
  if (bad.length === 0) return [];
  return [`${hash}: ${bad.length} of ${pageHashes.length} pages changed after signing, first page ${bad[0]}`];
}

/** Each blob but the CMS envelope and the directories themselves must be covered, and each hash must have its blob. */
function blobFaults({ hash, blobHashes }: CodeDirectory, blobs: CodeSignature["blobs"]): string[] {
  const faults: string[] = [];
  for (let slot = 1; slot <= LAST_BLOB_SLOT; slot++) {
    const want = blobHashes[slot];
    const blob = blobs.get(slot);
    const wanted = want?.some((byte) => byte !== 0) ?? false;
    if (blob && !(want && sameHash(hash, blob, want))) faults.push(`${hash}: blob in slot ${slot} changed`);
    if (!blob && wanted) faults.push(`${hash}: blob in slot ${slot} is missing`);
  }
  return faults;
}

const LAST_BLOB_SLOT = 11;

function executableFaults({ executable }: CodeDirectory, { text }: MachO): string[] {
  if (!executable) return ["the CodeDirectory names no executable segment"];
  const same = executable.offset === text.offset && executable.size === text.size;
  return [
    ...(same ? [] : ["the executable segment is not __TEXT"]),
    ...(executable.flags & MAIN_BINARY ? [] : ["not signed as a main binary"]),
  ];
}

/** Hashes may be truncated (type 3 keeps 20 bytes of SHA-256). */
function sameHash(hash: HashName, content: Uint8Array, want: Uint8Array): boolean {
  const digest = new Bun.CryptoHasher(hash).update(content).digest();
  return Buffer.compare(digest.subarray(0, want.length), want) === 0;
}
