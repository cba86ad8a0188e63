/** Whether anything more may begin. */
export class Drain {
  private controller = new AbortController();

  /** Aborts when nothing more is to begin. Another one after `end()`. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  begin(): void {
    this.controller.abort();
  }

  end(): void {
    if (this.controller.signal.aborted) this.controller = new AbortController();
  }
}
