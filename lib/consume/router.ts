import type { IncomingMessage } from '../broker/subscriber.js';
import { matchesPattern } from '../event/pattern.js';
import type { Attempt } from './attempts.js';
import type { Handler } from './handler.js';
import { Reject } from './signals.js';

/** Routing keys that are remembered; of types there are few, but anybody can send any. */
const REMEMBERED = 1_000;

/** Tells which of the handlers that share a queue a message is for. */
export class Router<Runner extends { readonly handler: Handler }> {
  private readonly known = new Map<string, Runner>();

  constructor(
    private readonly queue: string,
    private readonly runners: readonly Runner[],
  ) {}

  /** A message that was put on the queue directly, without an event's routing key, belongs to its only handler. */
  runnerFor({ routingKey, type }: IncomingMessage): Runner | undefined {
    const { queue, runners } = this;
    const direct = routingKey === queue;
    if (direct && runners.length === 1) return runners[0];
    const told = direct ? type : routingKey;
    return this.known.get(told) ?? this.find(told);
  }

  /** Left over from a pattern the handler once had (bindings are never removed), or sent to the queue by somebody else. */
  unmatched({ routingKey }: IncomingMessage): Attempt {
    const all = this.runners.flatMap(({ handler }) => handler.patterns);
    const patterns = all.map((pattern) => `"${pattern}"`).join(', ');
    const reason = `no handler of queue ${this.queue} is for "${routingKey}": its patterns are ${patterns}`;
    const error = new Reject(`${reason}. If the queue is still bound for it, remove that binding.`);
    return { outcome: { kind: 'dead', reason: 'unmatched', error }, duration: 0 };
  }

  private find(told: string): Runner | undefined {
    const found = this.runners.find(({ handler }) =>
      handler.patterns.some((pattern) => matchesPattern(pattern, told)),
    );
    if (this.known.size >= REMEMBERED) this.known.clear();
    if (found) this.known.set(told, found);
    return found;
  }
}
