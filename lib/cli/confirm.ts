import type { Io } from './io.js';
import { UsageError } from './usage-error.js';

/**
 * Asks before what cannot be undone. Resolves to whether to go on.
 * @throws {UsageError} when nobody is there to ask, and `--yes` was not given
 */
export async function confirmed(
  io: Io,
  { yes }: { readonly yes?: boolean },
  question: string,
): Promise<boolean> {
  if (yes) return true;
  if (!io.interactive)
    throw new UsageError(`${question} Nobody is there to confirm; give --yes if you mean it.`);
  const reply = await io.ask(`${question} [y/N] `);
  return /^y(es)?$/i.test(reply.trim());
}
