import { METRICS } from '../../lib/observe/metrics/definitions.js';
import { readDocument, tableOf } from './documents.js';

describe('docs/observing.md', () => {
  const plain = (cell = '') => cell.replaceAll('`', '');

  test('has every metric, with its kind, its labels and what it is, and no other', () => {
    const rows = tableOf(readDocument('docs/observing.md'), 'Metric', 'Kind').map((row) => row.map(plain));
    const metrics = METRICS.map(({ name, kind, labels, help }) => [name, kind, labels.join(', '), help]);
    expect(rows).toEqual(metrics);
  });
});
