import type { Message } from './message.js';
import type { ContentMethod, ServerMethods } from './methods.js';
import type { VirtualHost } from './vhost.js';

/** What the parts of a channel need from it and from its connection. */
export interface Port {
  readonly vhost: VirtualHost;
  /** Stands for the connection, which owns exclusive queues. */
  readonly owner: object;
  readonly user: string;
  /** The client wants to hear that a queue it consumes from is gone. */
  readonly wantsCancel: boolean;
  readonly maxMessageSize: number;
  /** The channel is open and its socket takes more. */
  canDeliver(): boolean;
  send<Name extends keyof ServerMethods>(name: Name, fields: ServerMethods[Name]): void;
  sendMessage<Name extends ContentMethod>(name: Name, fields: ServerMethods[Name], message: Message): void;
}
