import type { BrokerInspection, QueueDepth, QueuePlan } from '../../broker/inspection.js';
import type { ConsumerRegistry, RegisteredConsumer } from '../../store/consumer-registry.js';
import type { Horizon, RecentType, SeenRelay, StoreInspection } from '../../store/inspection.js';
import type { DeadLetters } from '../dead-letters/dead-letters.js';
import type { KnownApplication } from './known-application.js';
import { knownQueues, type KnownQueue } from './known-queue.js';
import type { Thresholds } from './thresholds.js';

export interface DoctorParts {
  /** What has to be done before the database can be asked. */
  readonly ready?: () => Promise<unknown>;
  readonly store: StoreInspection;
  readonly broker: BrokerInspection;
  readonly registry: Pick<ConsumerRegistry, 'list'>;
  readonly letters: Pick<DeadLetters, 'counts' | 'list'>;
  readonly application: KnownApplication;
  readonly here: Here;
}

/** The machine and the process we are. */
export interface Here {
  readonly host: string;
  /** Whether there is such a process on this machine. */
  isRunning(this: void, pid: number): boolean;
  /** By its clock: milliseconds since 1970. */
  now(): number;
}

/** The latest events whose types are looked at. */
const RECENT = 50_000;

/** What one diagnosis has asked so far: several checks go by the same answers. */
export class Facts {
  private readonly depths = new Map<string, Promise<QueueDepth | undefined>>();
  private asked: Record<string, Promise<unknown>> = {};

  constructor(
    readonly parts: DoctorParts,
    readonly thresholds: Thresholds,
  ) {}

  relays(): Promise<SeenRelay[]> {
    return this.once('relays', () => this.parts.store.relays());
  }

  horizon(): Promise<Horizon> {
    return this.once('horizon', () => this.parts.store.horizon());
  }

  recentTypes(): Promise<RecentType[]> {
    return this.once('types', () => this.parts.store.recentTypes(RECENT));
  }

  /** On record, also those that are gone. */
  consumers(): Promise<RegisteredConsumer[]> {
    return this.once('consumers', () => this.parts.registry.list());
  }

  /** How the application's own queues are declared, and which exchange its events go to: by the record, if nobody said. */
  plan(): Promise<QueuePlan> {
    return this.once('plan', async () => {
      const { plan, isExchangeGuessed } = this.parts.application;
      if (!isExchangeGuessed) return plan;
      // Without a database, of which another check tells, nothing is on record.
      const consumers = await this.consumers().catch(() => []);
      const living = consumers.filter(({ alive }) => alive);
      const exchanges = new Set((living.length > 0 ? living : consumers).map(({ needs }) => needs.exchange));
      const [exchange] = exchanges;
      // Of several, which is meant is anybody's guess.
      return exchange !== undefined && exchanges.size === 1 ? { ...plan, exchange } : plan;
    });
  }

  /** Every queue that handlers consume, or have last consumed, with what it needs. */
  queues(): Promise<KnownQueue[]> {
    return this.once('queues', async () => knownQueues(this.parts.application, await this.consumers()));
  }

  depth(queue: string): Promise<QueueDepth | undefined> {
    const known = this.depths.get(queue);
    if (known) return known;
    const depth = this.parts.broker.depth(queue);
    this.depths.set(queue, depth);
    return depth;
  }

  private once<T>(what: string, ask: () => Promise<T>): Promise<T> {
    this.asked[what] ??= ask();
    return this.asked[what] as Promise<T>;
  }
}
