import { commonName, type SubscriptionRequest } from '../subscriber.js';
import { deadLetterExchange, retryName, returnExchange } from './names.js';
import type { PlanSettings } from './plan.js';

/** Of a RabbitMQ user on a virtual host: regular expressions that names must match. */
export interface Permissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** The least that a process needs when everything that can be provided is. Processes that only emit need no user. */
export interface RolePermissions {
  /** A process that relays. */
  readonly relay: Permissions;
  /** A process that consumes. */
  readonly worker: Permissions;
  /** A process that does both. */
  readonly both: Permissions;
}

export function permissionsFor(
  { exchange }: PlanSettings,
  requests: readonly SubscriptionRequest[],
): RolePermissions {
  const relay: Names = { configure: [], write: [literal(exchange)], read: [] };
  const worker = together(...requests.map((request) => forHandler(exchange, request)));
  return {
    relay: permissions(relay),
    worker: permissions(worker),
    both: permissions(together(relay, worker)),
  };
}

/** Regular expressions, each for some names. */
interface Names {
  readonly configure: readonly string[];
  readonly write: readonly string[];
  readonly read: readonly string[];
}

/** How RabbitMQ calls the exchange without a name where permissions are concerned. */
const DEFAULT_EXCHANGE = 'amq.default';

function forHandler(exchange: string, request: SubscriptionRequest): Names {
  const dead = literal(deadLetterExchange(exchange));
  if (request.broadcast !== undefined) return forOwnQueue(exchange, request, dead);
  const retries = request.delays.map((delay) => literal(retryName(exchange, delay)));
  // Reminders of what is parked are sent by the way that retries come back.
  const back = request.singleActive ? [literal(returnExchange(exchange))] : [];
  return { configure: [], write: [dead, ...retries, ...back], read: [literal(request.queue)] };
}

/** Of each process: it declares its queues, binds them, and publishes to them by their names. */
function forOwnQueue(exchange: string, request: SubscriptionRequest, dead: string): Names {
  const queues = `${literal(commonName(request))}\\.[0-9a-f]{12}(\\.retry\\..+)?`;
  const source = literal(request.exchange ?? exchange);
  return {
    configure: [queues],
    write: [dead, queues, literal(DEFAULT_EXCHANGE)],
    read: [queues, source],
  };
}

const together = (...all: readonly Names[]): Names => ({
  configure: all.flatMap(({ configure }) => configure),
  write: all.flatMap(({ write }) => write),
  read: all.flatMap(({ read }) => read),
});

const permissions = ({ configure, write, read }: Names): Permissions => ({
  configure: anyOf(configure),
  write: anyOf(write),
  read: anyOf(read),
});

/** Nothing at all is `^$`, which matches the empty name. */
const anyOf = (names: readonly string[]): string =>
  names.length === 0 ? '^$' : `^(${[...new Set(names)].join('|')})$`;

const literal = (name: string): string => name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
