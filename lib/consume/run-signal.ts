/** The signal of one run of a handler. It is made when somebody asks for it: most handlers never do. */
export class RunSignal {
  private controller: AbortController | undefined;
  private made: AbortSignal | undefined;
  private reason: Error | undefined;

  /** @param outer aborts when the message has been taken back */
  constructor(private readonly outer: () => AbortSignal) {}

  get signal(): AbortSignal {
    this.made ??= this.make();
    return this.made;
  }

  abort(reason: Error): void {
    this.reason = reason;
    this.controller?.abort(reason);
  }

  private make(): AbortSignal {
    this.controller = new AbortController();
    if (this.reason) this.controller.abort(this.reason);
    return AbortSignal.any([this.controller.signal, this.outer()]);
  }
}
