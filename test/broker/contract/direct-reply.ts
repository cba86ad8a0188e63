import { expect } from '@jest/globals';
import type { Contract } from './client.js';
import { Inbox, lateRefusal, refusal } from './client.js';

const REPLY_TO = 'amq.rabbitmq.reply-to';

export function directReplyContract(keeps: Contract): void {
  keeps('carries an answer back without a queue', async (client) => {
    const { channel } = client;
    const service = await client.queue();
    const answers = await Inbox.on(channel, REPLY_TO, { noAck: true });
    channel.sendToQueue(service, Buffer.from('2 + 2'), { replyTo: REPLY_TO, correlationId: 'sum' });
    const [request] = await client.take(service, 1);
    const { replyTo, correlationId } = request!.properties as { replyTo: string; correlationId: string };
    expect(replyTo).toMatch(/^amq\.rabbitmq\.reply-to\..+/);
    const other = await (await client.anotherConnection()).createChannel();
    other.sendToQueue(replyTo, Buffer.from('4'), { correlationId });
    const [answer] = await answers.next();
    expect(answer?.content.toString()).toBe('4');
    expect(answer?.fields).toMatchObject({ exchange: '', routingKey: replyTo, redelivered: false });
    expect(answer?.properties.correlationId).toBe('sum');
  });

  keeps('drops an answer nobody waits for any more', async (client) => {
    const { channel } = client;
    const service = await client.queue();
    const asking = await client.anotherChannel();
    const answers = await Inbox.on(asking, REPLY_TO, { noAck: true });
    asking.sendToQueue(service, Buffer.from('?'), { replyTo: REPLY_TO });
    const [request] = await client.take(service, 1);
    await asking.cancel(answers.tag);
    channel.sendToQueue(request!.properties.replyTo as string, Buffer.from('!'));
    await channel.waitForConfirms();
    await asking.close();
    expect(answers.messages).toEqual([]);
  });

  keeps(
    'asks for a consumer before a request, one that does not acknowledge, and only one',
    async (client) => {
      const service = await client.queue();
      const early = await client.anotherChannel();
      const missing = await lateRefusal(early, 406, () =>
        early.sendToQueue(service, Buffer.from('?'), { replyTo: REPLY_TO }),
      );
      expect(missing).toBe('PRECONDITION_FAILED - fast reply consumer does not exist');
      const careful = await client.anotherChannel();
      const acknowledging = await refusal(careful, 406, () => careful.consume(REPLY_TO, () => {}));
      expect(acknowledging).toBe('PRECONDITION_FAILED - reply consumer cannot acknowledge');
      const { channel } = client;
      await channel.consume(REPLY_TO, () => {}, { noAck: true });
      const second = await refusal(channel, 406, () => channel.consume(REPLY_TO, () => {}, { noAck: true }));
      expect(second).toBe('PRECONDITION_FAILED - reply consumer already set');
    },
  );
}
