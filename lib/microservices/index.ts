export { OUTBOX_TRANSPORT, OutboxTransportStrategy } from './outbox-transport-strategy.js';
export { OutboxRmqDeserializer } from './rmq-deserializer.js';
