interface Node<Value> {
  readonly children: Map<string, Node<Value>>;
  readonly values: Set<Value>;
}

/** Topic patterns as a tree of words: `*` stands for one word, `#` for none or more, anywhere. */
export class TopicTrie<Value> {
  readonly #root: Node<Value> = node();

  add(pattern: string, value: Value): void {
    let at = this.#root;
    for (const word of words(pattern)) {
      const child = at.children.get(word) ?? node<Value>();
      at.children.set(word, child);
      at = child;
    }
    at.values.add(value);
  }

  remove(pattern: string, value: Value): void {
    removeBelow(this.#root, words(pattern), 0, value);
  }

  /** Adds what the key matches to `found`. */
  collect(key: string, found: Set<Value>): void {
    collectBelow(this.#root, words(key), 0, found);
  }
}

/** The empty key has no words; elsewhere an empty word is a word. */
function words(key: string): string[] {
  return key === '' ? [] : key.split('.');
}

function collectBelow<Value>(at: Node<Value>, key: string[], from: number, found: Set<Value>): void {
  const word = key[from];
  if (word === undefined) at.values.forEach((value) => found.add(value));
  else {
    for (const step of word === '*' ? ['*'] : [word, '*']) {
      const child = at.children.get(step);
      if (child) collectBelow(child, key, from + 1, found);
    }
  }
  const rest = at.children.get('#');
  if (rest) for (let skip = from; skip <= key.length; skip++) collectBelow(rest, key, skip, found);
}

/** Empty branches go with the last value in them. */
function removeBelow<Value>(at: Node<Value>, pattern: string[], from: number, value: Value): void {
  const word = pattern[from];
  if (word === undefined) {
    at.values.delete(value);
    return;
  }
  const child = at.children.get(word);
  if (!child) return;
  removeBelow(child, pattern, from + 1, value);
  if (child.values.size === 0 && child.children.size === 0) at.children.delete(word);
}

function node<Value>(): Node<Value> {
  return { children: new Map(), values: new Set() };
}
