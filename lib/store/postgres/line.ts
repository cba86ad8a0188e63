import type { Connection } from './connection.js';
import type { RelayConnections } from './relay-connections.js';

/** A connection that is opened when it is first needed, and anew after whatever went wrong on it. */
export class Line {
  private opened: Promise<Connection> | undefined;

  constructor(private readonly connections: RelayConnections) {}

  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const opening = (this.opened ??= this.open());
    try {
      return await work(await opening);
    } catch (error) {
      await this.drop(opening);
      throw error;
    }
  }

  private open(): Promise<Connection> {
    const opening = this.connections.connect();
    void opening.then(
      (connection) => connection.onLost(() => void this.drop(opening)),
      () => undefined,
    );
    return opening;
  }

  private async drop(opening: Promise<Connection>): Promise<void> {
    if (this.opened === opening) this.opened = undefined;
    await opening.then(
      (connection) => connection.destroy(),
      () => undefined,
    );
  }
}
