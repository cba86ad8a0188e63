import type { RabbitMqNode } from '../../support/rabbitmq.mjs';

export type Rows = string[][];

const byText = (one: string[], other: string[]) => (one.join() < other.join() ? -1 : 1);

export const sorted = (rows: Rows): Rows => rows.toSorted(byText);

/** Rows of `rabbitmqctl` about what has our name, which they show as `~`; sorted. */
export async function listed(
  node: RabbitMqNode,
  name: string,
  what: string,
  ...columns: string[]
): Promise<Rows> {
  const output = await node.ctl(`list_${what}`, '-q', '--no-table-headers', ...columns);
  const rows = output.split('\n').filter((row) => row.includes(name));
  return sorted(rows.map((row) => row.replaceAll(name, '~').split('\t')));
}
