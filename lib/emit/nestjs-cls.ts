import { createRequire } from 'node:module';
import type { EntityManager } from 'typeorm';
import type { TransactionSource } from './ambient-transaction.js';

/** The part of `TransactionHost` of `@nestjs-cls/transactional` that tells of a running transaction. */
interface Host {
  readonly tx: EntityManager;
  isTransactionActive(): boolean;
}

interface HostClass {
  getInstance(connectionName?: string): Host;
}

/**
 * Transactions of `@nestjs-cls/transactional`, if the application uses it. Its hosts are known by the connection name
 * given to its plugin, which may be the data source's or none.
 */
export function clsTransactions(dataSourceName: string): TransactionSource[] {
  const hosts = transactionHosts();
  if (!hosts) return [];
  return [() => transactionOf(hosts), () => transactionOf(hosts, dataSourceName)];
}

/** An optional peer: not being there is not an error. */
function transactionHosts(): HostClass | undefined {
  try {
    return (createRequire(import.meta.url)('@nestjs-cls/transactional') as { TransactionHost: HostClass })
      .TransactionHost;
  } catch {
    return undefined;
  }
}

function transactionOf(hosts: HostClass, connectionName?: string): EntityManager | undefined {
  try {
    const host = hosts.getInstance(connectionName);
    return host.isTransactionActive() ? host.tx : undefined;
  } catch {
    // No host of that name, or the code runs outside of any CLS context.
    return undefined;
  }
}
