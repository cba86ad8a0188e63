import type { SweepReport } from '../admin/dead-letters/sweep.js';
import { EXIT, type ExitCode } from './exit-code.js';
import { table } from './output.js';

/** What a requeue or a purge came to, in words. */
export function reported(
  done: string,
  { places, failed, untried, problems, cancelled, ...report }: SweepReport,
): string {
  const rows = Object.entries(places).map(([where, count]) => [count, where]);
  return [
    `${report.done} ${report.dryRun ? `would be ${done}` : done}${cancelled ? ', then it was ended' : ''}.`,
    rows.length > 1 ? table(['count', 'where'], rows) : '',
    failed > 0 ? `${failed} could not be; they are where they were.` : '',
    untried > 0 ? `${untried} were not looked at.` : '',
    ...problems.map(
      ({ where, error, ids }) => `${where}: ${error}${ids.length > 0 ? ` (${sample(ids)})` : ''}`,
    ),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

export function exitCodeOf({ done, problems, cancelled }: SweepReport): ExitCode {
  if (cancelled) return EXIT.interrupted;
  const unreachable = problems.some(({ code }) => code === 'OUTBOX_BROKER_UNAVAILABLE');
  if (unreachable && done === 0) return EXIT.broker;
  return problems.length > 0 ? EXIT.bad : EXIT.ok;
}

const sample = (ids: readonly string[]): string =>
  ids.length <= 3 ? ids.join(', ') : `${ids.slice(0, 3).join(', ')}, …`;
