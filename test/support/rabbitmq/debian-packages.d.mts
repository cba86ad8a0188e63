import type { Installation } from '../rabbitmq.mjs';

/** Debian's packages of RabbitMQ and Erlang, unpacked into the cache, not installed. */
export function unpackDebianPackages(): Promise<Installation>;
