import type { Command } from 'commander';
import type { OutboxTopology } from '../../broker/rabbitmq/outbox-topology.js';
import type { RolePermissions } from '../../broker/rabbitmq/permissions.js';
import type { TopologyReport } from '../../broker/topology-report.js';
import { getOutboxTopologyToken } from '../../outbox.tokens.js';
import { appOption, withOutboxName, type AppFlags } from '../application-options.js';
import { withPart } from '../application.js';
import { EXIT } from '../exit-code.js';
import { answer, table } from '../output.js';
import type { Run } from '../run.js';
import { withJson, type JsonFlag } from '../storage-options.js';

interface ExportFlags extends AppFlags {
  readonly vhost?: string;
  readonly relayUser?: string;
  readonly workerUser?: string;
  readonly bothUser?: string;
}

const ABOUT = `
The handlers are in your application, so it is started for the answer; its outbox is idle meanwhile: it relays, consumes
and migrates nothing. What else it needs to start, such as its database, has to be there.`;

/** What the application needs on RabbitMQ. */
export function addTopology(program: Command, run: Run): void {
  const topology = program
    .command('topology')
    .description('Tell what the application needs on RabbitMQ, and whether it is there.');
  addExport(topology, run);
  addPermissions(topology, run);
  addCheck(topology, run);
}

function addExport(topology: Command, { io }: Run): void {
  const command = topology
    .command('export')
    .description('Print definitions for rabbitmqctl import_definitions, or the management page.');
  withApp(command)
    .option('--vhost <name>', 'virtual host of the definitions (default: that of rabbitmq.url)')
    .option('--relay-user <name>', 'user of processes that relay, to give the least permissions to')
    .option('--worker-user <name>', 'user of processes that consume')
    .option('--both-user <name>', 'user of processes that do both')
    .addHelpText(
      'after',
      `${ABOUT}
  npx outbox topology export --app dist/app.module.js#AppModule > definitions.json
  rabbitmqctl import_definitions definitions.json`,
    )
    .action((flags: ExportFlags) => {
      const { vhost, relayUser: relay, workerUser: worker, bothUser: both } = flags;
      const users = Object.entries({ relay, worker, both }).filter(([, user]) => user !== undefined);
      return withTopology(flags, io, (found) => {
        const options = { ...(vhost !== undefined && { vhost }), users: Object.fromEntries(users) };
        io.out(`${JSON.stringify(found.definitions(options), null, 2)}\n`);
      });
    });
}

function addPermissions(topology: Command, { io }: Run): void {
  const command = topology
    .command('permissions')
    .description('Print the least permissions of each kind of process, with everything provided beforehand.');
  withJson(withApp(command))
    .addHelpText('after', ABOUT)
    .action((flags: AppFlags & JsonFlag) =>
      withTopology(flags, io, (found) => {
        const roles = found.permissions();
        answer(io, flags, roles, () => permissionsTable(roles));
      }),
    );
}

function addCheck(topology: Command, run: Run): void {
  const command = topology
    .command('check')
    .description('Look whether everything is on RabbitMQ, as it has to be; ends with 1 if it is not.');
  withJson(withApp(command))
    .addHelpText('after', `${ABOUT}\nNothing is changed. Bindings cannot be seen over AMQP.`)
    .action((flags: AppFlags & JsonFlag) =>
      withTopology(flags, run.io, async (found) => {
        const report = await found.check();
        if (report.missing.length + report.mismatches.length > 0) run.exitCode = EXIT.bad;
        answer(run.io, flags, report, () => described(report));
      }),
    );
}

const withApp = (command: Command): Command =>
  withOutboxName(command.addOption(appOption().makeOptionMandatory()));

function withTopology(
  { app: reference, outbox }: AppFlags,
  io: Run['io'],
  work: (topology: OutboxTopology) => Promise<void> | void,
): Promise<void> {
  return withPart<OutboxTopology, void>({ app: reference, outbox }, getOutboxTopologyToken, io, work);
}

function permissionsTable(roles: RolePermissions): string {
  const rows = Object.entries(roles).map(([role, { configure, write, read }]) => [
    role,
    configure,
    write,
    read,
  ]);
  return table(['process', 'configure', 'write', 'read'], rows);
}

function described({ missing, mismatches, uncompared }: TopologyReport): string {
  const lines = [
    ...missing.map((thing) => `missing: ${thing}`),
    ...mismatches.map(
      ({ kind, name, argument, declared, actual }) =>
        `different: ${kind} "${name}" has ${argument} = ${actual}, and would be declared with ${declared}`,
    ),
    ...uncompared.map((thing) => `not compared, as the user may not configure it: ${thing}`),
  ];
  return lines.length === 0 ? 'Everything is there, as it has to be.' : lines.join('\n');
}
