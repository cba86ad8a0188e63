import type { Command } from 'commander';
import { withBroker, type OutboxFlags } from '../broker-options.js';
import { EXIT } from '../exit-code.js';
import type { Io } from '../io.js';
import { withRelay, type StandaloneRelay } from '../operator.js';
import { answer, facts } from '../output.js';
import type { Run } from '../run.js';
import { withJson, type JsonFlag } from '../storage-options.js';
import { UsageError } from '../usage-error.js';

interface RelayFlags extends OutboxFlags, JsonFlag {
  readonly service?: string;
  readonly drain?: boolean;
}

const EXAMPLES = `
A relay as a process of its own, beside applications that run with relay.enabled: false. It publishes and prunes until SIGTERM
or SIGINT, then settles what is on its way and ends with 0; with 1 if OUTBOX_SHUTDOWN_TIMEOUT (30s) was too short for that. A
second signal ends it at once; nothing is lost by that. Options come from OUTBOX_* variables, as in the application.
  npx outbox relay -d dist/data-source.js --service shop
  OUTBOX_SERVICE=shop OUTBOX_BATCH_SIZE=1000 npx outbox relay --json       log lines are JSON
  npx outbox relay --service shop --drain                                  publish all that is due, and end`;

export function addRelay(program: Command, run: Run): void {
  const command = program
    .command('relay')
    .description('Run a relay: publish what was emitted, until stopped.');
  withJson(withBroker(command))
    .option('--service <name>', 'whose events these are: the appId of their messages (else OUTBOX_SERVICE)')
    .option('--drain', 'publish all that is due, and end')
    .addHelpText('after', EXAMPLES)
    .action((flags: RelayFlags) => {
      const { io } = run;
      if (!flags.service && !io.env['OUTBOX_SERVICE'])
        throw new UsageError(
          'Whose events? Give --service <name>, as in the application, or set OUTBOX_SERVICE.',
        );
      return withRelay(flags, io, (relay) =>
        flags.drain ? drain(relay, flags, run) : relayUntilStopped(relay, run),
      );
    });
}

async function relayUntilStopped({ logger, start, stop, parts }: StandaloneRelay, run: Run): Promise<void> {
  const { io } = run;
  await start();
  if (!io.signal.aborted) logger.log(`Relaying to exchange "${parts.options.rabbitmq.exchange}".`);
  await signalled(io);
  logger.log('Stopping: nothing more is read, and what is on its way is settled.');
  const settled = await stop();
  if (settled) logger.log(`Stopped. ${parts.relay.counts.published} events were published.`);
  else {
    run.exitCode = EXIT.bad;
    logger.warn('Stopped before all was settled: what was on its way will be published again.');
  }
}

async function drain({ parts }: StandaloneRelay, flags: RelayFlags, { io }: Run): Promise<void> {
  await parts.broker.connect({ publishing: true, consuming: false });
  await parts.broker.startPublishing();
  const counts = await parts.relay.drain();
  answer(io, flags, counts, () => facts(Object.entries(counts)));
}

const signalled = ({ signal }: Io): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
