import { describe } from '@jest/globals';
import { contractOn } from './contract/client.js';
import { connectionContract } from './contract/connections.js';
import { consumingContract } from './contract/consuming.js';
import { deadLetterContract } from './contract/dead-letters.js';
import { directReplyContract } from './contract/direct-reply.js';
import { expiryContract } from './contract/expiry.js';
import { publishingContract } from './contract/publishing.js';
import { quorumContract } from './contract/quorum.js';
import { refusalContract } from './contract/refusals.js';
import { routingContract } from './contract/routing.js';
import { singleActiveContract } from './contract/single-active.js';
import { topologyContract } from './contract/topology.js';

/** What the library relies on a broker for, asked of whichever broker is at the address. */
export function amqpContract(name: string, connectUrl: () => string): void {
  describe(`the contract with ${name}`, () => {
    const keeps = contractOn(connectUrl);
    describe('a connection', () => {
      connectionContract(keeps);
    });
    describe('topology', () => {
      topologyContract(keeps);
    });
    describe('what is refused', () => {
      refusalContract(keeps);
    });
    describe('routing', () => {
      routingContract(keeps);
    });
    describe('publishing', () => {
      publishingContract(keeps);
    });
    describe('consuming', () => {
      consumingContract(keeps);
    });
    describe('direct reply-to', () => {
      directReplyContract(keeps);
    });
    describe('a quorum queue', () => {
      quorumContract(keeps);
    });
    for (const type of ['classic', 'quorum'] as const) {
      describe('expiry', () => {
        expiryContract(keeps, type);
      });
      describe('dead letters', () => {
        deadLetterContract(keeps, type);
      });
      describe('a single active consumer', () => {
        singleActiveContract(keeps, type);
      });
    }
  });
}
