import type { Command } from 'commander';
import { withBroker, type OutboxFlags } from '../broker-options.js';
import { EXIT } from '../exit-code.js';
import { withOutbox } from '../operator.js';
import { answer } from '../output.js';
import type { Run } from '../run.js';
import { asJson, described } from '../show-dead-letter.js';
import { withJson, type JsonFlag } from '../storage-options.js';

interface ShowFlags extends OutboxFlags, JsonFlag {
  readonly where?: string;
}

const EXAMPLES = `
One event may rest at several handlers: all of its dead letters are shown. Ends with 1 if there is none.
  npx outbox show 0199f0aa-0000-7000-8000-000000000000 -d dist/data-source.js`;

export function addShow(program: Command, run: Run): void {
  const { io } = run;
  const command = program
    .command('show')
    .description('Show all there is to know of a dead letter: its errors, headers and payload.')
    .argument('<id>', 'id of the event');
  withJson(withBroker(command))
    .option('--where <place>', 'look here only: "publishing", or the queue of a handler')
    .addHelpText('after', EXAMPLES)
    .action((id: string, flags: ShowFlags) =>
      withOutbox(flags, io, async ({ deadLetters }) => {
        const { where } = flags;
        const letters = await deadLetters.get(id, {
          signal: io.signal,
          ...(where !== undefined && { where }),
        });
        if (letters.length === 0) run.exitCode = EXIT.bad;
        answer(io, flags, { letters: letters.map(asJson) }, () =>
          letters.length === 0
            ? `There is no dead letter of event ${id}.`
            : letters.map(described).join(`\n\n${'─'.repeat(40)}\n\n`),
        );
      }),
    );
}
