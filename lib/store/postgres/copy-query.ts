import { CopyRows } from './copy-rows.js';
import type { Build } from './row.js';

/** Of the driver's connection, what a query writes itself with. */
interface Wire {
  query(text: string): void;
  sendCopyFail(reason: string): void;
}

/**
 * A query of a kind that the driver does not bring along, in the shape that it takes queries of others in: statements in
 * one message, of which the last is a COPY of rows.
 */
export class CopyQuery<T> {
  private readonly copy: CopyRows<T>;
  private failure: Error | undefined;
  /** Set, and wrapped for the timeout, by the driver. */
  callback: (error: Error | null) => void = () => undefined;

  constructor(
    private readonly text: string,
    build: Build<T>,
    /** Milliseconds. The driver looks for it by this name. */
    readonly query_timeout: number,
  ) {
    this.copy = new CopyRows(build);
  }

  get rows(): T[] {
    return this.copy.rows;
  }

  submit(wire: Wire): null {
    wire.query(this.text);
    return null;
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    if (this.failure) return;
    try {
      this.copy.add(chunk);
    } catch (error) {
      this.failure = error as Error;
    }
  }

  handleCopyInResponse(wire: Wire): void {
    wire.sendCopyFail('There is nothing to send.');
  }

  handleError(error: Error): void {
    this.callback(error);
  }

  handleReadyForQuery(): void {
    this.callback(this.failure ?? null);
  }

  /** Of the statements before the COPY, whose rows nobody needs. */
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
}
