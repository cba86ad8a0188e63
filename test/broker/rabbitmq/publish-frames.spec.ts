import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  encodePublishes as encode,
  type PublishRequest,
} from '../../../lib/broker/rabbitmq/publish-frames.js';

const require = createRequire(import.meta.url);
const amqplib = path.dirname(require.resolve('amqplib'));
const load = (file: string): Record<string, (...args: unknown[]) => Buffer> =>
  require(path.join(amqplib, 'lib', file)) as never;
const defs = load('defs.js');
const frame = load('frame.js');
const args = load('api_args.js');

const CHANNEL = 3;
const FRAME_MAX = 4_096;

const encodePublishes = (
  requests: PublishRequest[],
  channel: number,
  frameMax: number,
  memory = Buffer.alloc(0),
) => encode(requests, channel, frameMax, memory);

/** The same publish as amqplib itself would send it. */
function byAmqplib({ exchange, routingKey, body, properties }: PublishRequest): Buffer {
  const fields = args['publish']?.(exchange, routingKey, properties);
  const parts = [
    defs['encodeMethod']?.(defs['BasicPublish'], CHANNEL, fields),
    defs['encodeProperties']?.(defs['BasicProperties'], CHANNEL, body.length, fields),
  ];
  for (let at = 0; at < body.length; at += FRAME_MAX - 8) {
    parts.push(frame['makeBodyFrame']?.(CHANNEL, body.subarray(at, at + FRAME_MAX - 8)));
  }
  return Buffer.concat(parts as Buffer[]);
}

const shortText = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .filter((text) => Buffer.byteLength(text) <= 255);
const header = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc
    .double({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 49), max: 2 ** 49 })
    .filter((n) => !Object.is(n, -0)),
);
const request: fc.Arbitrary<PublishRequest> = fc.record({
  exchange: shortText,
  routingKey: shortText,
  body: fc.uint8Array({ maxLength: 10_000 }).map((bytes) => Buffer.from(bytes)),
  properties: fc.record(
    {
      mandatory: fc.boolean(),
      persistent: fc.constant(true),
      messageId: fc.uuid(),
      type: shortText,
      appId: shortText,
      userId: shortText,
      contentType: shortText,
      contentEncoding: shortText,
      correlationId: shortText,
      replyTo: shortText,
      expiration: fc.nat().map(String),
      priority: fc.integer({ min: 0, max: 255 }),
      timestamp: fc.nat(2 ** 33),
      headers: fc.dictionary(fc.stringMatching(/^[a-z][a-z-]{0,30}$/), header),
    },
    { requiredKeys: ['persistent', 'headers'] },
  ),
}) as fc.Arbitrary<PublishRequest>;

describe('frames of many publishes', () => {
  test('are the bytes amqplib would send, one message after the other', () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 5 }), (requests) => {
        const expected = Buffer.concat(requests.map(byAmqplib));
        expect(encodePublishes(requests, CHANNEL, FRAME_MAX).equals(expected)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('grow beyond the size first guessed', () => {
    const headers = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`h${i}`, 'x'.repeat(300)]));
    const large = {
      exchange: 'e',
      routingKey: 'r',
      body: Buffer.alloc(0),
      properties: { persistent: true, headers },
    };
    expect(
      encodePublishes([large, large], CHANNEL, FRAME_MAX).equals(
        Buffer.concat([byAmqplib(large), byAmqplib(large)]),
      ),
    ).toBe(true);
  });

  const plain = (properties: object): PublishRequest => ({
    exchange: 'e',
    routingKey: 'r',
    body: Buffer.from('b'),
    properties,
  });

  test('refuse what AMQP cannot carry', () => {
    expect(() => encodePublishes([plain({ type: 'x'.repeat(256) })], CHANNEL, FRAME_MAX)).toThrow(
      /256 bytes/,
    );
    expect(() => encodePublishes([plain({ headers: { a: { b: 1 } } })], CHANNEL, FRAME_MAX)).toThrow(
      /header a is a object/,
    );
    expect(() =>
      encodePublishes([plain({ headers: { a: 'x'.repeat(70_000) } })], CHANNEL, FRAME_MAX),
    ).toThrow(/64 KiB/);
  });
});
