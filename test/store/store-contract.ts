import { describe } from '@jest/globals';
import { appendContract } from './contract/append.js';
import { readContract } from './contract/read.js';
import { scheduledContract } from './contract/scheduled.js';
import { settleContract } from './contract/settle.js';
import { failedEventsContract } from './contract/failed-events.js';
import { archiveContract } from './contract/archive.js';
import { littleContract } from './contract/little.js';
import { pruneContract } from './contract/prune.js';
import { statsContract } from './contract/stats.js';
import { closeContract } from './contract/close.js';
import { seatsContract } from './contract/seats.js';
import { useStores, type StoreFixture } from './contract/context.js';

/** What every `OutboxStore` promises. Runs on each database's implementation. */
export function storeContract(name: string, createFixture: () => Promise<StoreFixture>): void {
  describe(`the store contract on ${name}`, () => {
    const context = useStores(createFixture);
    appendContract(context);
    readContract(context);
    littleContract(context);
    seatsContract(context);
    scheduledContract(context);
    settleContract(context);
    failedEventsContract(context);
    pruneContract(context);
    archiveContract(context);
    statsContract(context);
    closeContract(context);
  });
}
