import { byId } from "./dom.ts";

/** How long the button says that it has copied, milliseconds. */
const SAID_MS = 2_000;

/** Shows the command that starts Claude Code, in the form of the visitor's shell, with a button to copy it. */
export function showStart(): void {
  const command = startCommand(location.origin, /Windows/.test(navigator.userAgent));
  byId("start-command").textContent = command;
  const button = byId<HTMLButtonElement>("copy");
  // Browsers have a clipboard only on loopback and with https.
  button.hidden = navigator.clipboard === undefined;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command);
    button.textContent = "copied";
    setTimeout(() => {
      button.textContent = "copy";
    }, SAID_MS);
  });
}

/** `origin` is the proxy's own. */
export function startCommand(origin: string, isWindows: boolean): string {
  return isWindows
    ? `$env:ANTHROPIC_BASE_URL="${origin}"; $env:ANTHROPIC_AUTH_TOKEN="local"; claude`
    : `ANTHROPIC_BASE_URL=${origin} ANTHROPIC_AUTH_TOKEN=local claude`;
}
