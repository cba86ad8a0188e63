import { Option, type Command } from 'commander';
import { DEFAULT_OUTBOX } from '../outbox.tokens.js';

/** The application, where its handlers have to be known. */
export interface AppFlags {
  readonly app: string;
  readonly outbox: string;
}

export const appOption = () =>
  new Option('--app <file#class>', 'compiled file with the module of your application, and its class');

export const withOutboxName = (command: Command): Command =>
  command.option('--outbox <name>', 'which of several outboxes', DEFAULT_OUTBOX);
