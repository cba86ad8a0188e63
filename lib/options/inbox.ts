import type { IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';
import { z } from 'zod';
import type { InboxOptions } from './options.js';

/** The transaction that a handler with an inbox runs in. */
export interface HandlerInbox {
  /** `undefined`: the data source's own. */
  readonly isolation: IsolationLevel | undefined;
}

const LEVELS: readonly IsolationLevel[] = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'];

const RULE = `must be true, false, or { isolation: ${LEVELS.map((level) => `'${level}'`).join(' | ')} }`;

export const inboxSchema = z.custom<InboxOptions>().transform((value, context): HandlerInbox | undefined => {
  try {
    return resolveInbox(value);
  } catch (error) {
    context.issues.push({ code: 'custom', message: (error as Error).message, input: value });
    return z.NEVER;
  }
});

/** @throws {TypeError} for anything that is not one of the forms of `InboxOptions` */
export function resolveInbox(options: InboxOptions): HandlerInbox | undefined {
  if (options === false) return undefined;
  if (options === true) return Object.freeze({ isolation: undefined });
  if (typeof options !== 'object' || options === null) throw new TypeError(RULE);
  const { isolation, ...others } = options;
  if (Object.keys(others).length > 0) throw new TypeError(RULE);
  if (isolation !== undefined && !LEVELS.includes(isolation)) throw new TypeError(RULE);
  return Object.freeze({ isolation });
}
