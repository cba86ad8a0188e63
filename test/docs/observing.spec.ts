import { LIFECYCLE_NAMES } from '../../lib/lifecycle/messages.js';
import { METRICS } from '../../lib/observe/metrics/definitions.js';
import { readDocument, tableOf } from './documents.js';

describe('docs/observing.md', () => {
  const plain = (cell = '') => cell.replaceAll('`', '');

  test('has every metric, with its kind, its labels, what it is and its other name, and no others', () => {
    const rows = tableOf(readDocument('docs/observing.md'), 'Metric', 'Kind').map((row) => row.map(plain));
    const metrics = METRICS.map(({ name, kind, labels, help, otelName }) => [
      name,
      kind,
      labels.join(', '),
      help,
      otelName,
    ]);
    expect(rows).toEqual(metrics);
  });

  test('has every message of the lifecycle, and no others', () => {
    const rows = tableOf(readDocument('docs/observing.md'), 'Name', 'When');
    const names = rows.flatMap(([name = '']) => plain(name).split(', '));
    expect(names.sort()).toEqual([...LIFECYCLE_NAMES].sort());
  });
});
