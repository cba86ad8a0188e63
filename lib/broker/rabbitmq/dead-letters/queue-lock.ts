import type { Channel } from 'amqplib';
import { DeadLettersBusyError } from '../../../errors/dead-letters-busy.error.js';
import { closeChannel } from '../close-channel.js';
import type { RabbitConnection } from '../connection.js';

/** Longer than a requeue keeps a queue to itself at a stretch (lib/admin). */
const PATIENCE = 15_000;
const INTERVAL = 100;

const ACCESS_REFUSED = 403;
const RESOURCE_LOCKED = 405;

const lockName = (queue: string) => `${queue}.operator`;

/**
 * One operator at a time for each dead-letter queue: two would hide messages from each other, and a quorum queue has what
 * they give back in the order in which they give it back. The lock is an exclusive queue beside it: it goes with the
 * connection of whoever has it. (An exclusive consumer would do on classic queues only, as quorum queues of RabbitMQ 3.10
 * take a second one.) It excludes other connections; who shares ours takes turns.
 */
export class QueueLocks {
  private readonly turns = new Map<string, Promise<void>>();

  /**
   * Resolves to what gives the lock back, and never rejects. Whose user may not declare that queue works without.
   * @throws {DeadLettersBusyError}
   */
  async take(
    connection: RabbitConnection,
    queue: string,
    signal?: AbortSignal,
  ): Promise<() => Promise<void>> {
    const endTurn = await this.takeTurn(queue, signal);
    try {
      const channel = await lock(connection, queue, signal);
      return async () => {
        if (channel) await unlock(channel, queue);
        endTurn();
      };
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  private async takeTurn(queue: string, signal: AbortSignal | undefined): Promise<() => void> {
    const before = this.turns.get(queue) ?? Promise.resolve();
    let end = () => {};
    const mine = new Promise<void>((resolve) => {
      end = resolve;
    });
    const all = before.then(() => mine);
    this.turns.set(queue, all);
    void all.then(() => this.turns.get(queue) === all && this.turns.delete(queue));
    try {
      await withinPatience(before, queue, signal);
    } catch (error) {
      end();
      throw error;
    }
    return end;
  }
}

async function lock(
  connection: RabbitConnection,
  queue: string,
  signal: AbortSignal | undefined,
): Promise<Channel | undefined> {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    signal?.throwIfAborted();
    const channel = await connection.openChannel();
    channel.on('error', () => undefined); // The rejection says the same.
    try {
      // Not every virtual host has classic queues by default, and no other kind can be exclusive.
      const classic = { 'x-queue-type': 'classic' };
      await channel.assertQueue(lockName(queue), { exclusive: true, durable: false, arguments: classic });
      return channel;
    } catch (error) {
      await closeChannel(channel);
      const { code } = error as { code?: number };
      if (code === ACCESS_REFUSED) return undefined;
      if (code !== RESOURCE_LOCKED) throw error;
      if (performance.now() > deadline) throw new DeadLettersBusyError(queue, PATIENCE);
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
  }
}

async function unlock(channel: Channel, queue: string): Promise<void> {
  // The end of the connection unlocks as well.
  await channel.deleteQueue(lockName(queue)).catch(() => undefined);
  await closeChannel(channel);
}

async function withinPatience(
  work: Promise<void>,
  queue: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let aborted = () => {};
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadLettersBusyError(queue, PATIENCE)), PATIENCE);
    aborted = () => reject(signal?.reason as Error);
    signal?.addEventListener('abort', aborted, { once: true });
  });
  try {
    await Promise.race([work, over]);
    signal?.throwIfAborted();
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
  }
}
