// Servers for development and tests. Nothing here is meant for production.
export { startEmbeddedBroker } from './broker/broker.js';
export type {
  EmbeddedBroker,
  EmbeddedBrokerOptions,
  EmbeddedExchange,
  EmbeddedQueue,
} from './broker/broker.js';
export { startEmbeddedPostgres } from './postgres.js';
export type { EmbeddedPostgres, EmbeddedPostgresOptions, StopMode } from './postgres.js';
export { EmbeddedPostgresError } from './postgres.js';
