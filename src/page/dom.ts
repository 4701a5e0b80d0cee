type Attributes = Readonly<Record<string, string | number | undefined>>;
type Child = Node | string | undefined;

/** Creates an HTML element without the attributes and children that are `undefined`. A string becomes text, never markup. */
export function html<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  return filled(document.createElement(name), attributes, children);
}

/** Creates an SVG element in the same way. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

/** An element of the page's own markup. */
export function byId<Type extends Element>(id: string): Type {
  return document.getElementById(id) as unknown as Type;
}

// --- internal ---

function filled<Type extends Element>(
  element: Type,
  attributes: Attributes,
  children: readonly Child[],
): Type {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}
