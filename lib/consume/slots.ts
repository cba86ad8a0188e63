/** Lets so many in at once; others wait their turn, in the order they came. */
export class Slots {
  private readonly waiting: Array<(admitted: boolean) => void> = [];
  private closed = false;

  constructor(private free: number) {}

  /** Whether there is a place, now or once one is free; not if the slots are closed meanwhile. Whoever is in must `give` it back. */
  take(): boolean | Promise<boolean> {
    if (this.closed) return false;
    if (this.free === 0) return new Promise((resolve) => this.waiting.push(resolve));
    this.free--;
    return true;
  }

  give(): void {
    const next = this.waiting.shift();
    if (next) next(true);
    else this.free++;
  }

  /** Nobody is let in any more, and those who wait are sent away. */
  close(): void {
    this.closed = true;
    for (const send of this.waiting.splice(0)) send(false);
  }

  reopen(): void {
    this.closed = false;
  }
}
