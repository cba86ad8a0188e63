import type { MissingRight, RightsNeeded } from '../inspection.js';
import { deadLetterExchange, retryName, returnExchange } from './names.js';

/** What a process uses, as far as its queues outlive it. */
export function rightsNeeded(exchange: string, { relays, requests }: RightsNeeded): MissingRight[] {
  const shared = requests.filter(({ broadcast }) => broadcast === undefined);
  const consumes = requests.length > 0;
  const exchanges = new Set([
    ...(relays ? [exchange] : []),
    ...(consumes ? [deadLetterExchange(exchange)] : []),
    // Reminders of what is parked are sent by the way that retries come back.
    ...(shared.some(({ singleActive }) => singleActive) ? [returnExchange(exchange)] : []),
    ...shared.flatMap(({ delays }) => delays.map((delay) => retryName(exchange, delay))),
  ]);
  const read = new Set(shared.map(({ queue }) => queue));
  return [
    ...[...exchanges].map((name) => ({ right: 'write', kind: 'exchange', name }) as const),
    ...[...read].map((name) => ({ right: 'read', kind: 'queue', name }) as const),
  ];
}
