import { describeValue } from '../../errors/describe-value.js';
import { InvalidHandlerError } from '../../errors/invalid-handler.error.js';
import { batchWait } from '../../options/schema.js';
import type { Duration } from '../../policy/duration.js';
import type { BatchSize } from '../handler.js';
import { takesOne, type PayloadClass } from '../payload/payload-shape.js';

/** How a handler takes events together. */
export interface BatchOptions {
  /** Events in a batch, at most. */
  size: number;
  /** How long the first event of a batch waits for others, at most. Up to 10 minutes. Default `'100ms'`. */
  wait?: Duration;
  /** Class that each payload is made an instance of, and by whose rules it is checked. Default: the event class. */
  of?: abstract new (...args: never[]) => unknown;
}

export interface BatchSettings extends BatchSize {
  readonly of: PayloadClass | undefined;
}

const DEFAULT_WAIT = '100ms';
const LARGEST = 65_535;

/** @throws {InvalidHandlerError} for an option that is wrong */
export function batchSettings(handler: string, options: BatchOptions | undefined): BatchSettings | undefined {
  if (options === undefined) return undefined;
  const wrong = (what: string, got: unknown) =>
    new InvalidHandlerError(handler, `batch${what}, got ${describeValue(got)}.`);
  if (typeof options !== 'object' || options === null) throw wrong(' must be { size, wait }', options);
  const { size, wait = DEFAULT_WAIT, of, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw wrong(' must be { size, wait }', options);
  if (!Number.isInteger(size) || size < 1 || size > LARGEST)
    throw wrong(`.size must be an integer from 1 to ${LARGEST}`, size);
  if (of !== undefined && typeof of !== 'function') throw wrong('.of must be a class', of);
  const { success, data, error } = batchWait.safeParse(wait);
  if (!success) throw wrong(`.wait ${error.issues[0]?.message}`, wait);
  return { size, wait: data, of: of as PayloadClass | undefined };
}

/** What such a handler would do with a list, no type checker sees once a payload may be anything. */
export function assertTakesList(handler: string, prototype: object, method: string): void {
  const one = takesOne(prototype, method);
  if (one === undefined) return;
  throw new InvalidHandlerError(
    handler,
    `its first parameter is ${one}, where a batch gives a list: write ${one}[], and { batch: { of: ${one} } } to have instances.`,
  );
}

/** As much as two batches: one to work on, and one to gather meanwhile. */
export const prefetchFor = (batch: BatchSize | undefined, usual: number): number =>
  batch ? Math.min(LARGEST, Math.max(usual, 2 * batch.size)) : usual;

/** @throws {InvalidHandlerError} when a batch could never be complete */
export function assertFits(handler: string, batch: BatchSize | undefined, prefetch: number): void {
  if (!batch || batch.size <= prefetch) return;
  throw new InvalidHandlerError(
    handler,
    `batch.size is ${batch.size} and its prefetch ${prefetch}: a batch would never be complete. Leave the prefetch out, or give it at least ${batch.size}.`,
  );
}
