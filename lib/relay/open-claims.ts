import type { Claim } from '../store/store.js';

/** Claims from their first statement until their events are on their way, or given back. */
export class OpenClaims {
  private readonly open = new Set<Promise<void>>();
  private readonly tickets = new WeakMap<Claim, { readonly era: number; readonly close: () => void }>();
  private era = 0;

  async make(claiming: () => Promise<Claim | undefined>): Promise<Claim | undefined> {
    const { era } = this;
    const close = this.begin();
    const claim = await claiming().catch((error: unknown) => {
      close();
      throw error;
    });
    if (claim) this.tickets.set(claim, { era, close });
    else close();
    return claim;
  }

  /** What is claimed already must not be published any more: events before it may have been lost on their way. */
  outdate(): void {
    this.era++;
  }

  isOutdated(claim: Claim): boolean {
    return this.tickets.get(claim)?.era !== this.era;
  }

  end(claim: Claim): void {
    this.tickets.get(claim)?.close();
  }

  /** Resolves when all that are open now have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.open);
  }

  private begin(): () => void {
    let resolve!: () => void;
    const closed = new Promise<void>((done) => {
      resolve = done;
    });
    this.open.add(closed);
    return () => {
      this.open.delete(closed);
      resolve();
    };
  }
}
