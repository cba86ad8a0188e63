import { Observable, Subscriber, type Observer, type Operator, type Subscription } from 'rxjs';
import { guarded, type ReportFailure } from './safe-channel.js';

type ObserverOrNext<T> = Partial<Observer<T>> | ((value: T) => void) | null;

/**
 * An Observable whose subscribers can do no harm. RxJS throws what a subscriber throws, or an error that nobody handles,
 * out of a timer, which ends the process; here it is reported, and also behind operators (which is why it is lifted).
 */
export class SafeObservable<T> extends Observable<T> {
  constructor(
    private readonly report: ReportFailure,
    start?: (next: (value: T) => void) => () => void,
  ) {
    super(start && ((subscriber) => start((value) => subscriber.next(value))));
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new SafeObservable<R>(this.report);
    lifted.source = this as Observable<unknown>;
    lifted.operator = operator as Operator<unknown, R> | undefined;
    return lifted;
  }

  override subscribe(
    observerOrNext?: ObserverOrNext<T>,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    if (observerOrNext instanceof Subscriber) return super.subscribe(observerOrNext);
    const observer: Partial<Observer<T>> =
      typeof observerOrNext === 'function' || !observerOrNext
        ? {
            ...(observerOrNext && { next: observerOrNext }),
            ...(error && { error }),
            ...(complete && { complete }),
          }
        : observerOrNext;
    return super.subscribe(this.harmless(observer, observerOrNext ?? observer));
  }

  private harmless(observer: Partial<Observer<T>>, listener: object): Observer<T> {
    const call = (work: () => unknown) => guarded(listener, work, 'events$', this.report);
    const unhandled = (error: unknown) => this.report(listener, 'events$', error);
    return {
      next: (value) => call(() => observer.next?.(value)),
      error: (error: unknown) => (observer.error ? call(() => observer.error?.(error)) : unhandled(error)),
      complete: () => call(() => observer.complete?.()),
    };
  }
}
