/** Wakes one waiting loop. A ring with nobody waiting is kept for the next wait, so none is ever missed. */
export class Bell {
  private rung = false;
  private wake: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.wake?.();
  }

  /** Resolves to `true` when rung, to `false` after `timeout` ms. `onTimer` is told of the timer, for display. */
  async wait(timeout: number, onTimer?: (timer: NodeJS.Timeout) => void): Promise<boolean> {
    if (!this.rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeout);
        onTimer?.(timer);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wake = undefined;
    }
    const { rung } = this;
    this.rung = false;
    return rung;
  }
}
