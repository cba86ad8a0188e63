import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually } from '../support/outbox-app.js';

const seen: string[] = [];

@Injectable()
class Reader {
  @OnEvent('measured', { inbox: true, prefetch: 1 })
  read(_payload: unknown, { id, cloudEvent }: EventContext): void {
    seen.push(`${String(cloudEvent?.['source'])} ${id}`);
  }
}

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
  await stage.start({ providers: [Reader] });
});

afterAll(() => stage?.close());

const send = (source: string, id: string) => {
  const body = JSON.stringify({ specversion: '1.0', id, source, type: 'measured', data: {} });
  const contentType = 'application/cloudevents+json';
  return stage.send(stage.queue('Reader.read'), body, { contentType });
};

test('CloudEvents of two sources are not mistaken for each other by an inbox, and duplicates are known', async () => {
  await send('/a', '1');
  await send('/b', '1');
  await send('/a', '1');
  await send('/a', '2');
  await eventually(() => seen.includes('/a 2'));
  expect(seen).toEqual(['/a 1', '/b 1', '/a 2']);
});
