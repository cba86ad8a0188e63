import { expect } from '@jest/globals';
import amqp, { type ConsumeMessage } from 'amqplib';
import type { EmitOptions, EventToEmit, OutboxOptions } from 'nestjs-rabbitmq-outbox';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
  type TestAppSettings,
} from '../support/outbox-app.js';
import { OutboxProcess } from './outbox-process.js';

/** A message as it came from the sink. */
export interface Received {
  readonly id: string;
  readonly type: string;
  readonly key: string | undefined;
  readonly payload: unknown;
  readonly message: ConsumeMessage;
}

export interface Row {
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
  readonly state: 'pending' | 'published' | 'dead';
  readonly attempts: number;
  readonly last_error: string | null;
  readonly returned: boolean;
  readonly wait: number | null;
}

/**
 * A playground for relays: an application that only writes, relays as a test wants them, and a queue that gets every
 * event there is.
 */
export class RelayStage {
  private readonly relays: TestApp[] = [];
  private readonly processes: OutboxProcess[] = [];

  private constructor(
    readonly playground: Playground,
    readonly writer: TestApp,
  ) {}

  static async open(
    urls: { databaseUrl?: string; rabbitUrl?: string } = {},
    { sink = '#' } = {},
  ): Promise<RelayStage> {
    const playground = await createPlayground(urls);
    const writer = await startApp(playground, {
      options: { relay: { enabled: false }, emit: { maxPayload: 16 * 1024 * 1024 } },
    });
    const stage = new RelayStage(playground, writer);
    await stage.bindSink(sink);
    return stage;
  }

  get sink(): string {
    return `${this.playground.name}.sink`;
  }

  get table(): string {
    return `${this.playground.name}.outbox`;
  }

  /** Declares the sink, and binds it to one more pattern. */
  async bindSink(pattern: string): Promise<void> {
    const { playground, sink } = this;
    playground.remember('queue', sink);
    const channel = await playground.channel();
    await channel.assertExchange(playground.name, 'topic', { durable: true });
    await channel.assertQueue(sink, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channel.bindQueue(sink, playground.name, pattern);
    await channel.close();
  }

  /** Starts an application that relays. */
  async relay(
    options: Partial<OutboxOptions> = {},
    dataSource: TestAppSettings['dataSource'] = {},
  ): Promise<TestApp> {
    const app = await startApp(this.playground, { options, dataSource });
    this.relays.push(app);
    return app;
  }

  /** Starts a process that relays. */
  async process(options: Partial<OutboxOptions> = {}): Promise<OutboxProcess> {
    const started = await OutboxProcess.start(this.playground, options);
    this.processes.push(started);
    return started;
  }

  /** Emits in one transaction. Resolves to the ids. */
  emit(events: readonly EventToEmit[]): Promise<string[]> {
    const { dataSource, outbox } = this.writer;
    return dataSource.transaction((manager) => outbox.emitMany(manager, events));
  }

  rows(): Promise<Row[]> {
    return this.playground.sql<Row>(
      `SELECT id, type, key, state, attempts, last_error, returned,
         extract(epoch FROM available_at - clock_timestamp())::float8 * 1000 AS wait FROM ${this.table} ORDER BY seq`,
    );
  }

  /** Resolves when no row is pending. */
  async settled(timeout?: number): Promise<void> {
    const pending = `SELECT EXISTS (SELECT 1 FROM ${this.table} WHERE state = 'pending') AS pending`;
    await eventually(async () => {
      const [row] = await this.playground.sql<{ pending: boolean }>(pending);
      return row?.pending === false;
    }, timeout);
  }

  /** How many messages are in the sink. */
  async waiting(): Promise<number> {
    const channel = await this.playground.channel();
    const { messageCount } = await channel.checkQueue(this.sink);
    await channel.close();
    return messageCount;
  }

  /** Takes everything out of the sink, in its order. */
  async receive(): Promise<Received[]> {
    const connection = await amqp.connect(this.playground.rabbitUrl);
    try {
      const channel = await connection.createChannel();
      await channel.prefetch(2_000);
      const received: Received[] = [];
      let last: ConsumeMessage | undefined;
      await channel.consume(this.sink, (message) => {
        if (!message) return;
        last = message;
        received.push(readMessage(message));
        if (received.length % 1_000 === 0) channel.ack(message, true);
      });
      // Nothing ready any more, and everything that was ready is here: what a quorum queue hands out may come after its
      // answer that nothing is left.
      await eventually(async () => {
        const before = received.length;
        const { messageCount } = await channel.checkQueue(this.sink);
        await new Promise((resolve) => setTimeout(resolve, 150));
        return messageCount === 0 && received.length === before;
      });
      if (last && received.length % 1_000 !== 0) channel.ack(last, true);
      await channel.close();
      return received;
    } finally {
      await connection.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map((started) => started.kill()));
    await Promise.all(this.relays.map((relay) => relay.close()));
    await this.writer.close();
    await this.playground.close();
  }

  /** Ends the relays of a test. */
  async stopRelays(): Promise<void> {
    await Promise.all(this.processes.splice(0).map((started) => started.kill()));
    await Promise.all(this.relays.splice(0).map((relay) => relay.close()));
  }

  /** An empty table and an empty sink. */
  async clear(): Promise<void> {
    await this.playground.sql(`TRUNCATE ${this.table}`);
    const channel = await this.playground.channel();
    await channel.purgeQueue(this.sink);
    await channel.close();
  }
}

function readMessage(message: ConsumeMessage): Received {
  const { messageId, contentType, headers } = message.properties;
  const isJson = contentType === 'application/json';
  return {
    id: String(messageId),
    type: message.fields.routingKey,
    key: headers?.['outbox-key'] as string | undefined,
    payload: isJson ? JSON.parse(message.content.toString()) : message.content,
    message,
  };
}

/** `count` small events, numbered from 1, spread over `keys` keys (none for 0). */
export function events(
  count: number,
  { keys = 0, type = 'order.placed' } = {},
): Array<EmitOptions & { type: string; payload: unknown }> {
  return Array.from({ length: count }, (_, index) => ({
    type,
    payload: index + 1,
    ...(keys > 0 && { key: `key-${index % keys}` }),
  }));
}

/** Expects each id exactly once. */
export function idsOf(received: readonly Received[]): string[] {
  return received.map(({ id }) => id);
}

/** The first deliveries of each key that came in another order than they were emitted. */
export function inversions(received: readonly Received[]): string[] {
  const highest = new Map<string, number>();
  const seen = new Set<string>();
  return received.flatMap(({ id, key = '', payload }) => {
    if (seen.has(id)) return [];
    seen.add(id);
    const before = highest.get(key) ?? 0;
    const number = payload as number;
    highest.set(key, Math.max(before, number));
    return number < before ? [`${key}: ${number} after ${before}`] : [];
  });
}

/** Everything arrives, in order, and no attempt is spent. Resolves to how often an event came, at most. */
export async function expectUnharmed(stage: RelayStage, ids: readonly string[]): Promise<number> {
  await stage.settled(40_000);
  const received = await stage.receive();
  expect(new Set(idsOf(received))).toEqual(new Set(ids));
  expect(inversions(received)).toEqual([]);
  const harmed = (await stage.rows()).filter(({ attempts, state }) => attempts || state !== 'published');
  expect(harmed).toEqual([]);
  const times = new Map<string, number>();
  for (const { id } of received) times.set(id, (times.get(id) ?? 0) + 1);
  return Math.max(...times.values());
}
