/** Lets so many in at once; others wait their turn, in the order they came. */
export class Slots {
  private readonly waiting = new Set<() => void>();

  constructor(private free: number) {}

  /**
   * Whether there is a place, now or once one is free; not if the signal aborts first. Whoever is in must `give` it back.
   */
  take(over: AbortSignal): boolean | Promise<boolean> {
    if (over.aborted) return false;
    if (this.free === 0) return this.wait(over);
    this.free--;
    return true;
  }

  give(): void {
    for (const enter of this.waiting) return enter();
    this.free++;
  }

  private wait(over: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const leave = (admitted: boolean) => {
        this.waiting.delete(enter);
        over.removeEventListener('abort', giveUp);
        resolve(admitted);
      };
      const enter = () => leave(true);
      const giveUp = () => leave(false);
      this.waiting.add(enter);
      over.addEventListener('abort', giveUp);
    });
  }
}
