/** An AMQP field table, as amqplib decodes it. */
export type Table = Record<string, unknown>;

interface Nowait {
  nowait: boolean;
}

interface BindingFields extends Nowait {
  routingKey: string;
  arguments: Table;
}

interface NoFields {
  [field: string]: never;
}

interface CloseFields {
  replyCode: number;
  replyText: string;
  classId: number;
  methodId: number;
}

/** What a client may send to this broker, with the fields it reads. */
export interface ClientMethods {
  ConnectionStartOk: { clientProperties: Table; mechanism: string; response: Buffer };
  ConnectionTuneOk: { channelMax: number; frameMax: number; heartbeat: number };
  ConnectionOpen: { virtualHost: string };
  ConnectionClose: CloseFields;
  ConnectionCloseOk: NoFields;
  ChannelOpen: NoFields;
  ChannelClose: CloseFields;
  ChannelCloseOk: NoFields;
  ChannelFlow: { active: boolean };
  ConfirmSelect: Nowait;
  ExchangeDeclare: ExchangeDeclare;
  ExchangeDelete: Nowait & { exchange: string; ifUnused: boolean };
  ExchangeBind: BindingFields & { source: string; destination: string };
  ExchangeUnbind: BindingFields & { source: string; destination: string };
  QueueDeclare: QueueDeclare;
  QueueDelete: Nowait & { queue: string; ifUnused: boolean; ifEmpty: boolean };
  QueueBind: BindingFields & { queue: string; exchange: string };
  QueueUnbind: BindingFields & { queue: string; exchange: string };
  QueuePurge: Nowait & { queue: string };
  BasicQos: { prefetchSize: number; prefetchCount: number; global: boolean };
  BasicConsume: BasicConsume;
  BasicCancel: Nowait & { consumerTag: string };
  BasicGet: { queue: string; noAck: boolean };
  BasicPublish: BasicPublish;
  BasicAck: { deliveryTag: number; multiple: boolean };
  BasicNack: { deliveryTag: number; multiple: boolean; requeue: boolean };
  BasicReject: { deliveryTag: number; requeue: boolean };
  BasicRecover: { requeue: boolean };
  BasicRecoverAsync: { requeue: boolean };
}

export interface ExchangeDeclare extends Nowait {
  exchange: string;
  type: string;
  passive: boolean;
  durable: boolean;
  autoDelete: boolean;
  internal: boolean;
  arguments: Table;
}

export interface QueueDeclare extends Nowait {
  queue: string;
  passive: boolean;
  durable: boolean;
  exclusive: boolean;
  autoDelete: boolean;
  arguments: Table;
}

export interface BasicConsume extends Nowait {
  queue: string;
  consumerTag: string;
  noAck: boolean;
  exclusive: boolean;
  arguments: Table;
}

export interface BasicPublish {
  exchange: string;
  routingKey: string;
  mandatory: boolean;
  immediate: boolean;
}

export type ClientMethod = {
  [Name in keyof ClientMethods]: { name: Name; id: number; fields: ClientMethods[Name] };
}[keyof ClientMethods];

/** What this broker sends. */
export interface ServerMethods {
  ConnectionStart: { serverProperties: Table; mechanisms: Buffer };
  ConnectionTune: { channelMax: number; frameMax: number; heartbeat: number };
  ConnectionOpenOk: object;
  ConnectionClose: CloseFields;
  ConnectionCloseOk: object;
  ConnectionBlocked: { reason: string };
  ConnectionUnblocked: object;
  ChannelOpenOk: object;
  ChannelClose: CloseFields;
  ChannelCloseOk: object;
  ChannelFlowOk: { active: boolean };
  ConfirmSelectOk: object;
  ExchangeDeclareOk: object;
  ExchangeDeleteOk: object;
  ExchangeBindOk: object;
  ExchangeUnbindOk: object;
  QueueDeclareOk: { queue: string; messageCount: number; consumerCount: number };
  QueueDeleteOk: { messageCount: number };
  QueueBindOk: object;
  QueueUnbindOk: object;
  QueuePurgeOk: { messageCount: number };
  BasicQosOk: object;
  BasicConsumeOk: { consumerTag: string };
  BasicCancel: { consumerTag: string; nowait: boolean };
  BasicCancelOk: { consumerTag: string };
  BasicGetOk: Routed & { deliveryTag: number; redelivered: boolean; messageCount: number };
  BasicGetEmpty: object;
  BasicDeliver: Routed & { consumerTag: string; deliveryTag: number; redelivered: boolean };
  BasicReturn: Routed & { replyCode: number; replyText: string };
  BasicAck: { deliveryTag: number; multiple: boolean };
  BasicNack: { deliveryTag: number; multiple: boolean };
  BasicRecoverOk: object;
}

interface Routed {
  exchange: string;
  routingKey: string;
}

/** The server methods that carry a message. */
export type ContentMethod = 'BasicGetOk' | 'BasicDeliver' | 'BasicReturn';

/** The properties this broker looks at; it carries the others along untouched. */
export interface Properties {
  headers?: Table;
  deliveryMode?: number;
  priority?: number;
  replyTo?: string;
  expiration?: string;
  userId?: string;
}
