/**
 * Makes an element. Text goes in as text, never as markup.
 *
 * @param {string} name
 * @param {Record<string, unknown>} [properties] - DOM properties; names with a dash are attributes.
 * @param {(Node | string)[]} children
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") made.setAttribute(key, String(value));
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

/** Writes only what differs, so that nothing flickers and no reader repeats itself. */
export function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/**
 * Keeps a list of elements in step with a list of items: what stays keeps its element, and so its focus.
 *
 * @template T
 * @param {Element} container
 * @param {T[]} items
 * @param {{ key: (item: T) => string, make: (item: T) => { element: Element, update: (item: T) => void } }} options
 */
export function keepInStep(container, items, { key, make }) {
  const known = (container.parts ??= new Map());
  const keys = new Set(items.map(key));
  for (const [name, part] of known) {
    if (keys.has(name)) continue;
    part.element.remove();
    known.delete(name);
  }
  items.forEach((item, place) => {
    const name = key(item);
    if (!known.has(name)) known.set(name, make(item));
    const part = known.get(name);
    part.update(item);
    if (container.children[place] !== part.element)
      container.insertBefore(part.element, container.children[place] ?? null);
  });
}
