import { Injectable, type PipeTransform } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { Scripted } from './fate.js';
import { Receiving } from './received.js';
import { openStage, type Stage } from './stage.js';

interface Plain {
  id: string;
}

class Upper implements PipeTransform<Plain, string> {
  transform({ id }: Plain): string {
    return id.toUpperCase();
  }
}

@Injectable()
class Office extends Scripted {
  @OnEvent('bytes')
  bytes(body: Buffer, context: EventContext): unknown {
    return this.act(context, body);
  }

  @OnEvent('array')
  array(body: Uint8Array, context: EventContext): unknown {
    return this.act(context, body);
  }

  @OnEvent('text')
  text(text: string, context: EventContext): unknown {
    return this.act(context, text);
  }

  @OnEvent('raw')
  raw(@Ctx() context: EventContext, @Payload() body: Buffer): unknown {
    return this.act(context, body);
  }

  @OnEvent('rawtext')
  rawtext(@Payload() text: string, @Ctx() context: EventContext): unknown {
    return this.act(context, text);
  }

  @OnEvent('piped')
  piped(@Payload(Upper) text: string, @Ctx() context: EventContext): unknown {
    return this.act(context, text);
  }

  @OnEvent('part')
  part(@Payload('id') id: string, @Ctx() context: EventContext): unknown {
    return this.act(context, id);
  }

  @OnEvent('number')
  number(count: number, context: EventContext): unknown {
    return this.act(context, count);
  }

  @OnEvent('date')
  date(at: Date, context: EventContext): unknown {
    return this.act(context, at);
  }

  @OnEvent('interface')
  interface(order: Plain, context: EventContext): unknown {
    return this.act(context, order);
  }
}

let stage: Stage;
let office: Receiving;

beforeAll(async () => {
  stage = await openStage();
  const { app } = await stage.start({ providers: [Office] });
  office = new Receiving(stage, app.get(Office));
});

afterAll(() => stage?.close());

const json = '{"id": "ü"}';

test.each(['bytes', 'array', 'raw'])('a body is handed on as it came to a Buffer: %s', async (handler) => {
  expect(await office.receive(handler, json, 'application/json')).toEqual(Buffer.from(json));
  expect(await office.receive(handler, '{"broken', 'application/json')).toEqual(Buffer.from('{"broken'));
  expect(await office.receive(handler, Buffer.from([0, 255]), 'image/png')).toEqual(Buffer.from([0, 255]));
});

test.each(['text', 'rawtext'])('a body is its text to a string, unless it holds one: %s', async (handler) => {
  expect(await office.receive(handler, json, 'application/json')).toBe(json);
  expect(await office.receive(handler, '{"broken', 'application/json')).toBe('{"broken');
  expect(await office.receive(handler, '"hello"', 'application/json')).toBe('hello');
  expect(await office.receive(handler, 'grüße', 'text/plain')).toBe('grüße');
  expect(await office.receive(handler, Buffer.from([0xfc]), 'text/plain; charset=iso-8859-1')).toBe('ü');
  expect(await office.receive(handler, '<a/>', 'application/xml')).toBe('<a/>');
});

test('a body is decoded for a @Payload() with pipes, and for one that takes a part', async () => {
  expect(await office.receive('piped', '{"id":"abc"}', 'application/json')).toBe('ABC');
  expect(await office.receive('part', '{"id":"abc"}', 'application/json')).toBe('abc');
});

test.each([
  ['number', '7', 7],
  ['number', '"seven"', 'seven'],
  ['date', '"2030-01-01"', '2030-01-01'],
  ['interface', '{"id":7}', { id: 7 }],
])('a body is decoded, and no more, for a parameter of type %s: %s', async (handler, body, payload) => {
  expect(await office.receive(handler, body, 'application/json')).toEqual(payload);
});
