import { settingsEnv } from "./claude-code.ts";

/** The user's key for the server, from the environment and Claude Code's settings: that of llama-server's `--api-key`. */
export function credentialsOf(
  env: Readonly<Record<string, string | undefined>> = {
    ...process.env,
    ...settingsEnv(process.cwd(), process.env),
  },
): Headers {
  const { ANTHROPIC_AUTH_TOKEN: token, ANTHROPIC_API_KEY: key } = env;
  return new Headers({
    ...(token && { authorization: `Bearer ${token}` }),
    ...(key && { "x-api-key": key }),
  });
}
