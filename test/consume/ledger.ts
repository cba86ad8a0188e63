import type { EventContext } from 'nestjs-rabbitmq-outbox';
import type { EntityManager } from 'typeorm';
import type { Playground } from '../support/outbox-app.js';

/** A table of effects: one row for every time something was done for an event. */
export interface Ledger {
  /** Writes an effect, through the event's transaction or another manager. */
  write(context: EventContext, note?: string, manager?: EntityManager): Promise<unknown>;
  /** Notes of the effects that have been committed for an event. */
  of(id: string): Promise<string[]>;
  /** Ids of all events that the inbox remembers. */
  remembered(): Promise<string[]>;
  /** Types of all events in the outbox. */
  emitted(): Promise<string[]>;
}

export async function openLedger(playground: Playground): Promise<Ledger> {
  const { name } = playground;
  await playground.sql(`CREATE TABLE ${name}.ledger (event_id text NOT NULL, note text NOT NULL)`);
  return {
    write: (context, note = 'done', manager = context.manager) =>
      manager.query(`INSERT INTO ${name}.ledger VALUES ($1, $2)`, [context.id, note]),
    of: async (id) => {
      const rows = await playground.sql<{ note: string }>(
        `SELECT note FROM ${name}.ledger WHERE event_id = $1`,
        [id],
      );
      return rows.map(({ note }) => note);
    },
    remembered: async () => {
      const rows = await playground.sql<{ event_id: string }>(`SELECT event_id FROM ${name}.outbox_inbox`);
      return rows.map(({ event_id }) => event_id);
    },
    emitted: async () => {
      const rows = await playground.sql<{ type: string }>(`SELECT type FROM ${name}.outbox ORDER BY seq`);
      return rows.map(({ type }) => type);
    },
  };
}
