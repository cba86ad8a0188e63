/**
 * Names from OpenTelemetry's conventions for messaging (semantic conventions 1.44, in development still, hence not
 * imported) and ours, which begin with `outbox.`.
 */
export const ATTRIBUTE = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destination: 'messaging.destination.name',
  routingKey: 'messaging.rabbitmq.destination.routing_key',
  messageId: 'messaging.message.id',
  conversationId: 'messaging.message.conversation_id',
  bodySize: 'messaging.message.body.size',
  batchCount: 'messaging.batch.message_count',
  errorType: 'error.type',
  outbox: 'outbox.name',
  handler: 'outbox.handler',
  attempt: 'outbox.attempt',
  redelivered: 'outbox.redelivered',
  outcome: 'outbox.outcome',
  reason: 'outbox.reason',
  delay: 'outbox.delay_ms',
} as const;

export const SYSTEM = 'rabbitmq';
