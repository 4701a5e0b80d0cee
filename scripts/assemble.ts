/** Assembles src/rewrite/skip.wat into the module that the program carries: `bun run assemble`. */
import { join } from "node:path";
import wabt from "wabt";

const FOLDER = join(import.meta.dir, "../src/rewrite");

/** The text of `skip-wasm.ts` as it must be; the same source gives the same text. Throws with wabt's words when it is no WebAssembly. */
export async function assembled(): Promise<string> {
  const source = await Bun.file(join(FOLDER, "skip.wat")).text();
  const module = (await wabt()).parseWat("skip.wat", source, { simd: true });
  module.validate();
  const base64 = Buffer.from(module.toBinary({}).buffer).toString("base64");
  const lines = base64.match(/.{1,100}/g) ?? [];
  return [
    "/** WebAssembly in base64, made of skip.wat by `bun run assemble`; a test compares the two. */",
    "export const SKIP_WASM =",
    `${lines.map((line) => `  "${line}"`).join(" +\n")};\n`,
  ].join("\n");
}

if (import.meta.main) await Bun.write(join(FOLDER, "skip-wasm.ts"), await assembled());
