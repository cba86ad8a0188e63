import { setMaxListeners } from 'node:events';

/** Whether anything more may begin. */
export class Drain {
  private controller = untroubled();

  /** Aborts when nothing more is to begin. Another one after `end()`. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  begin(): void {
    this.controller.abort();
  }

  end(): void {
    if (this.controller.signal.aborted) this.controller = untroubled();
  }
}

/** As many may listen as deliveries wait: Node would warn of eleven. */
function untroubled(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
