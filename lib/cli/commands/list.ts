import type { Command } from 'commander';
import { withBroker, type OutboxFlags } from '../broker-options.js';
import { filterFrom, withFilter, type FilterFlags } from '../dead-letter-options.js';
import { numberFrom } from '../number.js';
import { withOutbox } from '../operator.js';
import { answer } from '../output.js';
import type { Run } from '../run.js';
import { asJson, listed } from '../show-dead-letter.js';
import { withJson, type JsonFlag } from '../storage-options.js';

interface ListFlags extends OutboxFlags, FilterFlags, JsonFlag {
  readonly limit: number;
  readonly cursor?: string;
}

const EXAMPLES = `
Dead letters are events that could not be published ("publishing"), and those that a handler could not handle (the name of
its queue). Looking changes nothing: they keep their order, and stay where they are.
  npx outbox list -d dist/data-source.js
  npx outbox list --where publishing --error NOT_FOUND
  npx outbox list --where 'shop.#' --type 'order.*' --failed-after 2026-03-01T12:00:00Z
  npx outbox list --json | jq -r '.letters[].id'`;

export function addList(program: Command, { io }: Run): void {
  const command = program
    .command('list')
    .description('List dead letters: what could not be published, or handled.');
  withJson(withFilter(withBroker(command)))
    .option('--limit <number>', 'at most so many', numberFrom(1, 1_000), 50)
    .option('--cursor <text>', 'go on where the list before has ended')
    .addHelpText('after', EXAMPLES)
    .action((flags: ListFlags) =>
      withOutbox(flags, io, async ({ deadLetters }) => {
        const { limit, cursor } = flags;
        const page = { limit, signal: io.signal, ...(cursor !== undefined && { cursor }) };
        const { letters, next } = await deadLetters.list({ ...filterFrom(flags), ...page });
        answer(io, flags, { letters: letters.map(asJson), next: next ?? null }, () => {
          if (letters.length === 0 && next === undefined) return 'There are no dead letters like that.';
          const more = next === undefined ? '' : `\n\nThere may be more: --cursor ${next}`;
          return `${listed(letters)}${more}`;
        });
      }),
    );
}
