import type { Logger } from '@nestjs/common';
import type { InboxStore } from '../store/inbox-store.js';
import { DatabaseGate } from './database-gate.js';
import { Inbox, type Transactions } from './inbox.js';
import { Slots } from './slots.js';

/** What runs again and again, such as a job of the scheduler. */
export interface Housekeeping {
  start(): void;
  stop(): Promise<void>;
}

/** Milliseconds that deliveries are held while the database is away. They then go back to their queues. */
const PATIENCE = 30_000;

/** The inbox of a process, with what belongs to it. */
export class InboxRoom {
  readonly inbox: Inbox;
  readonly gate: DatabaseGate;
  private isOpen = false;

  constructor(
    store: InboxStore,
    transactions: Transactions,
    connections: number,
    /** Ms that it remembers. */
    readonly retention: number,
    private readonly pruner: Housekeeping,
    logger: Pick<Logger, 'log' | 'warn'>,
  ) {
    this.gate = new DatabaseGate(() => store.probe(), PATIENCE, logger);
    this.inbox = new Inbox(store, transactions, new Slots(transactionsAtOnce(connections)), this.gate);
  }

  /** Somebody has an inbox: from here on it is kept tidy. */
  open(): void {
    if (this.isOpen) return;
    this.isOpen = true;
    this.pruner.start();
  }

  async close(): Promise<void> {
    this.gate.end();
    if (this.isOpen) await this.pruner.stop();
  }
}

/**
 * Half of the pool: every handler may need a second connection, for what it does outside of its transaction. With all of
 * them in transactions, each would wait for another to end, for ever.
 */
const transactionsAtOnce = (connections: number) => Math.max(1, Math.floor(connections / 2));
