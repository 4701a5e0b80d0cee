import { forgetHeads, headsFolder } from "../warm/heads.ts";

/** Removes every remembered head; resolves with a line for the user. Rejects if one cannot be removed. */
export async function forget(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): Promise<string> {
  const folder = headsFolder(env, platform);
  const count = folder === undefined ? 0 : await forgetHeads(folder);
  if (count === 0) return "nothing is remembered";
  return `removed ${count} remembered ${count === 1 ? "file" : "files"} from ${folder}`;
}
