import type { DataSource } from 'typeorm';
import {
  SILENCE_OF_THE_DEAD,
  type ConsumerAnnouncement,
  type ConsumerRegistry,
  type ConsumingProcess,
  type RegisteredConsumer,
} from '../consumer-registry.js';
import { consumersAnnounce } from './statements/consumers-announce.js';
import { consumersForget } from './statements/consumers-forget.js';
import { consumersList } from './statements/consumers-list.js';
import { consumersRetire } from './statements/consumers-retire.js';
import { consumersTidy } from './statements/consumers-tidy.js';
import type { Statement } from './statements/statement.js';
import type { Tables } from './tables.js';

/** The consumers on record, on the application's own connections. */
export class PostgresConsumerRegistry implements ConsumerRegistry {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tables: Tables,
  ) {}

  async announce(who: ConsumingProcess, consumers: readonly ConsumerAnnouncement[]): Promise<void> {
    if (consumers.length === 0) return;
    await this.query(consumersAnnounce(this.tables, who, consumers));
    await this.query(consumersTidy(this.tables));
  }

  async retire(who: ConsumingProcess): Promise<void> {
    await this.query(consumersRetire(this.tables, who));
  }

  list(): Promise<RegisteredConsumer[]> {
    return this.query(consumersList(this.tables, SILENCE_OF_THE_DEAD)) as Promise<RegisteredConsumer[]>;
  }

  async forget(queue: string): Promise<boolean> {
    await this.query(consumersForget(this.tables, queue, SILENCE_OF_THE_DEAD));
    return (await this.list()).every((consumer) => consumer.queue !== queue);
  }

  private query({ text, values }: Statement): Promise<unknown> {
    return this.dataSource.query(text, [...values]);
  }
}
