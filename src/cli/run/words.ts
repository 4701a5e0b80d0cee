/**
 * Splits a command line into words as a shell does with quotes and backslashes, without any expansion. Returns `undefined` when a quote is
 * not closed. On Windows a backslash is part of a path.
 */
export function splitWords(
  text: string,
  isWindows: boolean = process.platform === "win32",
): string[] | undefined {
  const words: string[] = [];
  let rest = text.trim();
  while (rest !== "") {
    const [whole] = (isWindows ? WINDOWS_WORD : WORD).exec(rest) ?? [];
    if (whole === undefined) return undefined;
    words.push(unquoted(whole, isWindows));
    rest = rest.slice(whole.length);
    if (rest !== "" && !/^\s/.test(rest)) return undefined;
    rest = rest.trimStart();
  }
  return words;
}

// --- internal ---

const WORD = /^(?:[^\s'"\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+/;
const WINDOWS_WORD = /^(?:[^\s'"]|'[^']*'|"[^"]*")+/;
const PART = /\\([\s\S])|'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"/g;
const WINDOWS_PART = /(?!)()|'([^']*)'|"([^"]*)"/g;

function unquoted(word: string, isWindows: boolean): string {
  return word.replace(
    isWindows ? WINDOWS_PART : PART,
    (_, escaped?: string, single?: string, double?: string) => {
      if (double === undefined) return escaped ?? single ?? "";
      // https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_03
      return isWindows ? double : double.replace(/\\(["\\$`])/g, "$1");
    },
  );
}
