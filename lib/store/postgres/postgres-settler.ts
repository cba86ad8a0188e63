import type { AsRead, Failure, Settlement } from '../store.js';
import type { Connection } from './connection.js';
import { Line } from './line.js';
import type { RelayConnections } from './relay-connections.js';
import { deletePublished, markDead, markPublished, reschedule } from './statements/settle.js';
import type { Statement } from './statements/statement.js';
import type { Tables } from './tables.js';

export interface SettlerSettings {
  readonly tables: Tables;
  readonly deletePublished: boolean;
}

/** Records outcomes on a connection of its own. What was published goes in one message, whatever else is rare. */
export class PostgresSettler {
  private readonly line: Line;

  constructor(
    connections: RelayConnections,
    private readonly settings: SettlerSettings,
  ) {
    this.line = new Line(connections);
  }

  /** Resolves to the numbers of failures whose row was not as it was read any more. */
  settle({ published, returned, rescheduled, dead }: Settlement): Promise<readonly number[]> {
    const { tables } = this.settings;
    return this.line.use(async (connection) => {
      const gone = this.publishedStatements(published, returned);
      if (gone.length > 0) await connection.script(gone);
      return [
        ...(await fail(connection, rescheduled, reschedule(tables, rescheduled))),
        ...(await fail(connection, dead, markDead(tables, dead))),
      ];
    });
  }

  private publishedStatements(published: readonly AsRead[], returned: readonly AsRead[]): string[] {
    const { tables } = this.settings;
    if (this.settings.deletePublished) return deletePublished(tables, [...published, ...returned]);
    return [...markPublished(tables, published, false), ...markPublished(tables, returned, true)];
  }
}

async function fail(
  connection: Connection,
  failures: readonly Failure[],
  statement: Statement,
): Promise<number[]> {
  if (failures.length === 0) return [];
  const changed = await connection.run<{ seq: string }>(statement);
  if (changed.length === failures.length) return [];
  const recorded = new Set(changed.map(({ seq }) => Number(seq)));
  return failures.map(({ seq }) => seq).filter((seq) => !recorded.has(seq));
}
