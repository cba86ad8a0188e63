import { durationText } from '../../policy/duration.js';

/** Names of everything on the broker, from the names of the event exchange and the handler's queue. */
export const deadLetterExchange = (exchange: string) => `${exchange}.dlx`;
export const deadLetterQueue = (queue: string) => `${queue}.dlq`;
/** Spreads the keys of a queue's events over its partitions. */
export const partitionsExchange = (queue: string) => `${queue}.partitions`;
/** Of the exchange and of the queue: one pair per distinct delay, shared by all handlers. */
export const retryName = (exchange: string, delay: number) => `${exchange}.retry.${durationText(delay)}`;
/** Of a queue that only one process consumes: what waits there waits for that process. */
export const ownRetryName = (queue: string, delay: number) => `${queue}.retry.${durationText(delay)}`;
/** The way back to its queue, for what has waited. */
export const returnExchange = (exchange: string) => `${exchange}.return`;
/** Of the exchange and of the queue: where what has waited for a queue that is gone comes to rest. */
export const unclaimedName = (exchange: string) => `${exchange}.unclaimed`;
