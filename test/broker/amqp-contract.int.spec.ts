import { afterAll, beforeAll, describe } from '@jest/globals';
import type { EmbeddedBroker } from '../../lib/testing/broker/broker.js';
import { startEmbeddedBroker } from '../../lib/testing/broker/broker.js';
import { rabbitUrl } from '../support/services.js';
import { amqpContract } from './amqp-contract.js';
import { agreementContract } from './contract/agreement.js';

let embedded: EmbeddedBroker;

beforeAll(async () => {
  embedded = await startEmbeddedBroker();
});

afterAll(() => embedded.close());

amqpContract('RabbitMQ', rabbitUrl);
amqpContract('the embedded broker', () => embedded.url);

describe('the embedded broker and RabbitMQ', () => {
  agreementContract(() => embedded.url, rabbitUrl);
});
