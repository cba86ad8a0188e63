/** Events that no queue was bound for. */
export interface ReturnedKey {
  /** `null` for the module's exchange. */
  readonly exchange: string | null;
  readonly routingKey: string;
  readonly count: number;
}

/** Routing keys told apart: types are few, but nothing keeps an application from making them up. */
const MOST = 100;

/** Counts what came back by where it was sent, the most frequent first; of keys beyond a limit only how many events. */
export class ReturnedKeys {
  private readonly keys = new Map<string, { exchange: string | null; routingKey: string; count: number }>();

  add({ exchange, type }: { readonly exchange: string | null; readonly type: string }): void {
    const name = exchange === null ? type : `${exchange}\n${type}`;
    const known = this.keys.get(name);
    if (known) known.count++;
    else if (this.keys.size < MOST) this.keys.set(name, { exchange, routingKey: type, count: 1 });
  }

  top(count = MOST): ReturnedKey[] {
    const all = [...this.keys.values()].sort((one, other) => other.count - one.count);
    return all.slice(0, count).map((key) => ({ ...key }));
  }
}
