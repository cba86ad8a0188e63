export { OutboxRmqDeserializer } from './rmq-deserializer.js';
