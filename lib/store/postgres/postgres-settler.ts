import type { Settlement } from '../store.js';
import { Line } from './line.js';
import type { RelayConnections } from './relay-connections.js';
import { deletePublished, markDead, markPublished, reschedule } from './statements/settle.js';
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

  async settle({ published, returned, rescheduled, dead }: Settlement): Promise<void> {
    const { tables } = this.settings;
    await this.line.use(async (connection) => {
      const gone = this.publishedStatements(published, returned);
      if (gone.length > 0) await connection.script(gone);
      if (rescheduled.length > 0) await connection.run(reschedule(tables, rescheduled));
      if (dead.length > 0) await connection.run(markDead(tables, dead));
    });
  }

  private publishedStatements(published: readonly number[], returned: readonly number[]): string[] {
    const { tables } = this.settings;
    const all = [...published, ...returned];
    if (this.settings.deletePublished) return all.length > 0 ? [deletePublished(tables, all)] : [];
    return [
      ...(published.length > 0 ? [markPublished(tables, published, false)] : []),
      ...(returned.length > 0 ? [markPublished(tables, returned, true)] : []),
    ];
  }
}
