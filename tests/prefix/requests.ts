import { type Outline, outlineOf } from "../../src/prefix/outline.ts";

/** A request of Anthropic's API as tests write it; anything else may be added. */
export interface Body {
  readonly model?: string;
  readonly system?: unknown;
  readonly tools?: readonly object[];
  readonly messages?: readonly { readonly role: string; readonly content: unknown }[];
  readonly [name: string]: unknown;
}

export function outlined(body: Body): Outline {
  const outline = outlineOf(Buffer.from(JSON.stringify(body)), "anthropic");
  if (!outline) throw new Error("the body has no outline");
  return outline;
}

export function tool(name: string, description = `What ${name} does`): object {
  return { name, description, input_schema: { type: "object", properties: {} } };
}

export const user = (content: unknown) => ({ role: "user", content });
export const assistant = (content: unknown) => ({ role: "assistant", content });

/** Some words, so many of them that a difference costs something. */
export function words(name: string, count = 100): string {
  return Array.from({ length: count }, (_, index) => `${name}${index}`).join(" ");
}
