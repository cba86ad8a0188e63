import { HandlerTimeoutError } from '../errors/handler-timeout.error.js';
import type { Handler } from './handler.js';

/** One run of a handler: its clock and its signal. */
export class HandlerRun {
  /** Set when it has run past its timeout. */
  private expired: HandlerTimeoutError | undefined;
  private timer: NodeJS.Timeout | undefined;
  private controller: AbortController | undefined;
  private made: AbortSignal | undefined;
  private failed: (error: Error) => void = () => undefined;

  constructor(
    private readonly handler: Pick<Handler, 'name' | 'timeout'>,
    /** Aborts when the message has been taken back. */
    private readonly lost: () => AbortSignal,
  ) {}

  /** It has run past its timeout: what it comes to counts no more, and nothing of it may be committed. */
  get abandoned(): boolean {
    return this.expired !== undefined;
  }

  /** Made when somebody asks for it: most handlers never do. */
  get signal(): AbortSignal {
    this.made ??= this.makeSignal();
    return this.made;
  }

  /** The method is about to be called; from here on its time counts. */
  begin(): void {
    const { name, timeout } = this.handler;
    if (timeout !== undefined) this.timer = setTimeout(() => this.expire(name, timeout), timeout);
  }

  end(): void {
    clearTimeout(this.timer);
  }

  /** As `work`, but rejects when the run is past its timeout, while the work goes on. */
  watch<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.failed = reject;
      work.then(resolve, reject);
    });
  }

  private expire(name: string, timeout: number): void {
    const error = new HandlerTimeoutError(name, timeout);
    this.expired = error;
    this.failed(error);
    this.controller?.abort(error);
  }

  private makeSignal(): AbortSignal {
    this.controller = new AbortController();
    if (this.expired) this.controller.abort(this.expired);
    return AbortSignal.any([this.controller.signal, this.lost()]);
  }
}
