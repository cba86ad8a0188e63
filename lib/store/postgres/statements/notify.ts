import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';
import { UNHURRIED } from './unhurried.js';

/** By the oid, for processes may name the table with its schema or without. */
const channel = ({ outbox }: Tables) => `'outbox_' || '${outbox.replaceAll("'", "''")}'::regclass::oid`;

export const channelOf = (tables: Tables): Statement => ({
  text: `SELECT ${channel(tables)} AS channel`,
  values: [],
});

/** A notification gives its transaction a number, which would have it wait for the disk. */
export const notify = (tables: Tables, payload: string): Statement => ({
  text: `SELECT pg_notify(${channel(tables)}, $1) WHERE ${UNHURRIED}`,
  values: [payload],
});

export const listen = (channelName: string): string => `LISTEN "${channelName}"`;
