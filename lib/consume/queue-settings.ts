import { randomBytes } from 'node:crypto';
import * as check from './handler-checks.js';
import type { QueueSettings } from './handler.js';
import type { OnEventOptions } from './on-event.decorator.js';

/** Tells the queues of this process from those of its replicas; kept, so that a lost queue is declared by its name. */
export const processSuffix = (): string => randomBytes(6).toString('hex');

/** @throws {InvalidHandlerError} for an option that is wrong */
export function queueSettings(
  handler: string,
  options: OnEventOptions,
  { name, suffix }: { readonly name: string; readonly suffix: string },
): QueueSettings {
  const common = check.queueName(handler, options.queue ?? name);
  const broadcast = check.flag(handler, 'broadcast', options.broadcast);
  return {
    queue: broadcast ? check.queueName(handler, `${common}.${suffix}`) : common,
    broadcast: broadcast ? common : undefined,
    expiration: check.expiration(handler, options.expiration),
    exchange: check.exchange(handler, options.exchange),
    ...check.order(handler, common, options),
  };
}
