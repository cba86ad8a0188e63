import type { ConfirmChannel, GetMessage } from 'amqplib';
import fc from 'fast-check';
import type { Client } from './client.js';

const QUEUES = ['bounded', 'refusing', 'counting', 'plain', 'dead'] as const;
type QueueName = (typeof QUEUES)[number];

export type Step =
  | { call: 'publish'; queue: QueueName; size: number }
  | { call: 'get'; queue: QueueName; noAck: boolean }
  | { call: 'ack'; pick: number; multiple: boolean }
  | { call: 'nack'; pick: number; multiple: boolean; requeue: boolean }
  | { call: 'purge'; queue: QueueName }
  | { call: 'recover' }
  | { call: 'reopen' };

const queue = fc.constantFrom(...QUEUES);
const pick = fc.nat(1000);

export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ call: fc.constant('publish'), queue, size: fc.nat(40) }) },
  { weight: 6, arbitrary: fc.record({ call: fc.constant('get'), queue, noAck: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('ack'), pick, multiple: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ call: fc.constant('nack'), pick, multiple: fc.boolean(), requeue: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('purge'), queue }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('recover') }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('reopen') }) },
) as fc.Arbitrary<Step>;

/** One broker's side of a conversation: a fixed set of queues, and what was got from them. */
export class Script {
  readonly #names = new Map<QueueName, string>();
  #unacked: GetMessage[] = [];
  #published = 0;

  private constructor(
    private readonly client: Client,
    private channel: ConfirmChannel,
  ) {}

  static async on(client: Client): Promise<Script> {
    const script = new Script(client, await client.anotherChannel());
    for (const name of QUEUES) script.#names.set(name, client.queueName(name));
    const to = (name: QueueName) => ({
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': script.#names.get(name),
    });
    const declared: Record<QueueName, object> = {
      bounded: { 'x-max-length': 4, ...to('dead') },
      refusing: { 'x-max-length-bytes': 90, 'x-overflow': 'reject-publish-dlx', ...to('dead') },
      counting: { 'x-queue-type': 'quorum', 'x-delivery-limit': 2, ...to('plain') },
      plain: { 'x-queue-type': 'quorum', ...to('dead') },
      dead: { 'x-max-length': 8, ...to('bounded') },
    };
    for (const name of QUEUES) {
      await client.channel.assertQueue(script.#names.get(name) as string, { arguments: declared[name] });
    }
    return script;
  }

  async run(each: Step): Promise<unknown> {
    switch (each.call) {
      case 'publish':
        return this.client.outcome(this.#name(each.queue), `${this.#published++}`.padEnd(each.size, '.'));
      case 'get':
        return this.#get(each.queue, each.noAck);
      case 'ack':
        return this.#settle(each, (message) => this.channel.ack(message, each.multiple));
      case 'nack':
        return this.#settle(each, (message) => this.channel.nack(message, each.multiple, each.requeue));
      case 'purge':
        return this.channel.purgeQueue(this.#name(each.queue));
      case 'recover':
        this.#unacked = [];
        return this.channel.recover();
      case 'reopen':
        return this.#reopen();
    }
  }

  /** How many messages wait in each queue. */
  async state(): Promise<string> {
    const replies = await Promise.all(QUEUES.map((each) => this.channel.checkQueue(this.#name(each))));
    return replies.map(({ messageCount }) => messageCount).join();
  }

  async #get(from: QueueName, noAck: boolean): Promise<unknown> {
    const message = await this.channel.get(this.#name(from), { noAck });
    if (!message) return 'empty';
    if (!noAck) this.#unacked.push(message);
    const { deliveryTag, redelivered, messageCount } = message.fields;
    const headers = JSON.stringify(message.properties.headers, (key, value: unknown) =>
      key === 'time' ? undefined : this.#anonymous(value),
    );
    const body = message.content.toString();
    return { body, deliveryTag, redelivered, messageCount, headers: JSON.parse(headers) as unknown };
  }

  /** Names differ from broker to broker; the parts they play do not. */
  #anonymous(value: unknown): unknown {
    return [...this.#names].find(([, name]) => name === value)?.[0] ?? value;
  }

  #settle(
    { pick: index, multiple }: { pick: number; multiple: boolean },
    settle: (message: GetMessage) => void,
  ): void {
    const message = this.#unacked[index % this.#unacked.length];
    if (!message) return;
    settle(message);
    const { deliveryTag } = message.fields;
    const isSettled = (other: GetMessage) =>
      multiple ? other.fields.deliveryTag <= deliveryTag : other === message;
    this.#unacked = this.#unacked.filter((other) => !isSettled(other));
  }

  async #reopen(): Promise<void> {
    await this.channel.close();
    this.#unacked = [];
    this.channel = await this.client.anotherChannel();
  }

  #name(each: QueueName): string {
    return this.#names.get(each) as string;
  }
}
