export { OUTBOX_TRANSPORT } from './pattern-methods.js';
export { OutboxTransportStrategy } from './outbox-transport-strategy.js';
export { OutboxRmqDeserializer } from './rmq-deserializer.js';
