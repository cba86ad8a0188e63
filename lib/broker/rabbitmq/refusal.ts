import { PartitionsChangedError } from '../../errors/partitions-changed.error.js';
import { PluginMissingError } from '../../errors/plugin-missing.error.js';
import { TopologyForbiddenError } from '../../errors/topology-forbidden.error.js';
import { TopologyMismatchError } from '../../errors/topology-mismatch.error.js';
import { TopologyMissingError } from '../../errors/topology-missing.error.js';

const REFUSALS = [
  PartitionsChangedError,
  PluginMissingError,
  TopologyForbiddenError,
  TopologyMismatchError,
  TopologyMissingError,
];

const ACCESS_REFUSED = 403;
const PRECONDITION_FAILED = 406;

/**
 * Whether the broker understood what it was asked for and said no (no permission, no such queue, locked, other
 * arguments): asking again would not help. Everything else is an outage.
 */
export function isRefusal(error: unknown): boolean {
  if (REFUSALS.some((kind) => error instanceof kind)) return true;
  const { code } = error as { code?: unknown };
  return typeof code === 'number' && code >= ACCESS_REFUSED && code <= PRECONDITION_FAILED;
}
