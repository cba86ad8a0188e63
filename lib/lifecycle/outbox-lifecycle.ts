import type { Observable } from 'rxjs';
import type { Lifecycle, LifecycleListener } from './lifecycle.js';
import { LIFECYCLE_NAMES, type LifecycleMessage, type LifecycleName } from './messages.js';
import { SafeObservable } from './safe-observable.js';

/**
 * What happens in one outbox, as it happens in this process. The same messages are on `node:diagnostics_channel`, as
 * `nestjs-rabbitmq-outbox:<name>`, from all outboxes of the process.
 *
 * Listeners are called synchronously and should be quick. What they throw is logged, and harms nothing.
 */
export class OutboxLifecycle {
  /** Every message. */
  readonly events$: Observable<LifecycleMessage>;

  constructor(private readonly lifecycle: Lifecycle) {
    this.events$ = new SafeObservable(lifecycle.report, (next) => this.onAny(next));
  }

  /** Calls `listener` with every message of one name. Returns the function that ends the subscription. */
  on<Name extends LifecycleName>(name: Name, listener: LifecycleListener<Name>): () => void {
    return this.lifecycle.listen(name, listener);
  }

  private onAny(listener: LifecycleListener): () => void {
    const stops = LIFECYCLE_NAMES.map((name) => this.lifecycle.listen(name, listener));
    return () => stops.forEach((stop) => stop());
  }
}
