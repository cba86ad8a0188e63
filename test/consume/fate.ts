import { randomUUID } from 'node:crypto';
import type { GetMessage } from 'amqplib';
import type { EventContext } from 'nestjs-rabbitmq-outbox';
import { gate, type Stage } from './stage.js';

export type Behaviour = (context: EventContext, payload: unknown) => unknown;

/** Handlers that extend it do, with each event, what the test has laid down for it. */
export class Scripted {
  readonly behaviours = new Map<string, Behaviour>();

  protected act(context: EventContext, payload?: unknown): unknown {
    return this.behaviours.get(context.id)?.(context, payload);
  }
}

/** Where an event is after one attempt to handle it. */
export interface Fate {
  readonly outcome: 'done' | 'dead' | `retry ${string}`;
  /** Its retry, or its dead letter. */
  readonly copy: GetMessage | undefined;
}

export interface Attempt {
  readonly type: string;
  /** `Class.method`, which must have `prefetch: 1` and take the type. */
  readonly handler: string;
  readonly behaviour: Behaviour;
  readonly attempt?: number;
  readonly payload?: unknown;
  /** Of the second event, if the first one’s does not reach the handler. */
  readonly goodPayload?: unknown;
  /** Where a retry could be: delays long enough to look there in time. */
  readonly delays?: readonly string[];
}

/**
 * Publishes an event, and behind it a second one. With a prefetch of 1 the second is delivered when the first has been
 * settled, and by then its copy, if there is one, is where it belongs: no waiting for what must not happen.
 */
export async function fateOf(stage: Stage, scripted: Scripted, given: Attempt): Promise<Fate> {
  const { type, handler, behaviour, attempt = 1, payload = {}, delays = ['1h'] } = given;
  const { goodPayload = payload } = given;
  const next = gate();
  const id = randomUUID();
  const follower = randomUUID();
  scripted.behaviours.set(id, behaviour);
  scripted.behaviours.set(follower, () => next.open());
  const headers = attempt === 1 ? {} : { 'outbox-attempt': attempt };
  await stage.publish(type, payload, { messageId: id, headers });
  await stage.publish(type, goodPayload, { messageId: follower });
  await next.opened;
  const copies: Array<[Fate['outcome'], GetMessage]> = [];
  const look = async (outcome: Fate['outcome'], queue: string) => {
    const copy = await stage.take(queue);
    if (copy) copies.push([outcome, copy]);
  };
  await look('dead', `${stage.queue(handler)}.dlq`);
  for (const delay of delays) await look(`retry ${delay}`, `${stage.playground.name}.retry.${delay}`);
  if (copies.length > 1) throw new Error(`in several places: ${copies.map(([place]) => place).join(', ')}`);
  const [outcome, copy] = copies[0] ?? ['done' as const, undefined];
  if (copy && copy.properties.messageId !== id) throw new Error(`a copy of another event is in ${outcome}`);
  return { outcome, copy };
}
