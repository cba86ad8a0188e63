import { createHash } from 'node:crypto';
import type { Prepared } from './statements/statement.js';
import { TextRow, type Fields } from './text-row.js';

/** Of the driver's connection, what a query writes itself with. */
interface Wire {
  readonly stream: { cork(): void; uncork(): void };
  /** By name, their text: those this connection of the server knows. */
  readonly parsedStatements: Record<string, string>;
  parse(statement: { readonly name: string; readonly text: string }): void;
  bind(portal: { readonly statement: string; readonly values: readonly string[] }): void;
  execute(portal: object): void;
  sync(): void;
}

/**
 * A query of a kind that the driver does not bring along, in the shape that it takes queries of others in: settings, and a
 * statement that is planned but once, in one message and one transaction.
 */
export class PreparedQuery<T> {
  private readonly row = new TextRow();
  private readonly statements: ReadonlyArray<{
    readonly name: string;
    readonly text: string;
    readonly values: readonly string[];
  }>;
  private wire: Wire | undefined;
  private haveSettings = false;
  private failure: Error | undefined;
  readonly rows: T[] = [];
  /** Set, and wrapped for the timeout, by the driver. */
  callback: (error: Error | null) => void = () => undefined;

  constructor(
    settings: string,
    private readonly selection: Prepared<T>,
    /** Milliseconds. The driver looks for it by this name. */
    readonly query_timeout: number,
  ) {
    const { text, values } = selection;
    this.statements = [
      { name: nameOf(settings), text: settings, values: [] },
      { name: nameOf(text), text, values },
    ];
  }

  submit(wire: Wire): null {
    this.wire = wire;
    wire.stream.cork();
    for (const { name, text, values } of this.statements) {
      if (!(name in wire.parsedStatements)) wire.parse({ name, text });
      wire.bind({ statement: name, values });
      wire.execute({});
    }
    wire.sync();
    wire.stream.uncork();
    return null;
  }

  handleCommandComplete(): void {
    this.haveSettings = true;
  }

  handleDataRow({ fields }: { readonly fields: Fields }): void {
    if (!this.haveSettings || this.failure) return;
    try {
      this.row.begin(fields);
      this.rows.push(this.selection.build(this.row));
      this.row.end();
    } catch (error) {
      this.failure = error as Error;
    }
  }

  handleError(error: Error): void {
    this.callback(error);
  }

  handleReadyForQuery(): void {
    for (const { name, text } of this.statements) (this.wire as Wire).parsedStatements[name] = text;
    this.callback(this.failure ?? null);
  }

  /** Nobody describes these, pages through them, or copies. */
  handleRowDescription(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
}

const names = new Map<string, string>();

/**
 * By the text: where a pooler gives our statements to a connection that others have prepared theirs on, the same name is
 * the same statement.
 */
function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = `outbox_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
  names.set(text, name);
  return name;
}
