/** Small helpers. Data reaches the page as text only, never as markup. */

export function byId(id) {
  return document.getElementById(id);
}

/** Touches the text only when it changes: a screen reader and a selection notice every write. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function field(element, name) {
  return element.querySelector(`[data-field="${name}"]`);
}

/** Sets a data attribute, which the styles follow, only when it changes. */
export function setData(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

/**
 * Makes the children of `list` match `items`, each known by its `key`. Children that stay are updated in place and
 * moved only when their place has changed, so that transitions run and nothing flickers.
 */
export function syncList(list, items, { key, template, update }) {
  const leaving = new Map([...list.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const id = String(key(item));
    const child = leaving.get(id) ?? newChild(template, id);
    leaving.delete(id);
    update(child, item);
    if (list.children[index] !== child) list.insertBefore(child, list.children[index] ?? null);
  });
  for (const child of leaving.values()) child.remove();
}

function newChild(template, id) {
  const child = byId(template).content.firstElementChild.cloneNode(true);
  child.dataset.key = id;
  return child;
}
