/** Tells the relay of this process that rows have been committed. Emit and relay know nothing else of each other. */
export class WakeUp {
  private readonly listeners = new Set<() => void>();

  signal(): void {
    for (const listener of this.listeners) listener();
  }

  /** Returns the function that ends the subscription. */
  onSignal(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
