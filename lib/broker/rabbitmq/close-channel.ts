import type { Channel } from 'amqplib';
import { settledWithin } from '../../policy/deadline.js';

/** How long a peer may take to answer a cancel or a close, in milliseconds. It is then left behind. */
export const ANSWER_TIMEOUT = 2_000;

/**
 * Closes a channel, whatever state it is in. Never rejects, and never waits for a peer that is gone: amqplib settles
 * its own promise by the broker's answer only, which does not come when the connection ends first.
 */
export async function closeChannel(channel: Channel): Promise<void> {
  const ended = new Promise((resolve) => channel.once('close', resolve));
  await settledWithin(Promise.race([channel.close(), ended]), ANSWER_TIMEOUT);
}
