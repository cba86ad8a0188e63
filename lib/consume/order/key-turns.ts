/** One's turn with a key. */
export interface Turn {
  /** Resolves when all who came before have left. `undefined`: nobody has. */
  readonly come: Promise<void> | undefined;
  leave(): void;
}

/** Whoever wants something with a key waits for all who came before; different keys do not know of each other. */
export class KeyTurns {
  /** By key, when the last who came will have left. */
  private readonly last = new Map<string, Promise<void>>();

  take(key: string): Turn {
    const come = this.last.get(key);
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => (leave = resolve));
    // Whoever gives up waiting does not let those behind pass.
    const over = (come ? come.then(() => left) : left).then(() => {
      if (this.last.get(key) === over) this.last.delete(key);
    });
    this.last.set(key, over);
    return { come, leave };
  }
}
