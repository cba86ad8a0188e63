import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import fc from 'fast-check';
import type { Client } from './client.js';
import { Inbox } from './client.js';

export type Move =
  | { call: 'publish' }
  | { call: 'join'; who: number; prefetch: number }
  | { call: 'leave'; who: number }
  | { call: 'drop'; who: number }
  | { call: 'settle'; who: number; pick: number; how: 'ack' | 'requeue' | 'reject' };

const who = fc.nat(2);
const prefetch = fc.integer({ min: 1, max: 3 });
const how = fc.constantFrom('ack', 'ack', 'requeue', 'reject');

export const move = fc.oneof(
  { weight: 8, arbitrary: fc.record({ call: fc.constant('publish') }) },
  { weight: 3, arbitrary: fc.record({ call: fc.constant('join'), who, prefetch }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constantFrom('leave', 'drop'), who }) },
  { weight: 8, arbitrary: fc.record({ call: fc.constant('settle'), who, pick: fc.nat(10), how }) },
) as fc.Arbitrary<Move>;

/** Three channels around one queue, each with at most one consumer, and what each was given. */
export class Crowd {
  #published = 0;

  private constructor(
    private readonly client: Client,
    private readonly queue: string,
    private readonly members: Member[],
  ) {}

  static async around(client: Client, args: Record<string, unknown>): Promise<Crowd> {
    const queue = await client.queue({ arguments: args });
    const channels = [
      await client.anotherChannel(),
      await client.anotherChannel(),
      await client.anotherChannel(),
    ];
    return new Crowd(
      client,
      queue,
      channels.map((channel) => new Member(channel, queue)),
    );
  }

  async run(each: Move): Promise<void> {
    if (each.call === 'publish') return this.client.send(this.queue, [String(this.#published++)]);
    const member = this.members[each.who] as Member;
    if (each.call === 'join') return member.join(each.prefetch);
    if (each.call === 'leave') return member.leave();
    if (each.call === 'settle') return member.settle(each.pick, each.how);
    return member.replaceChannel(await this.client.anotherChannel());
  }

  /** How many messages wait, and who was given which; a star marks a redelivery. */
  async state(): Promise<string> {
    const { messageCount } = await this.client.channel.checkQueue(this.queue);
    return [messageCount, ...this.members.map((member) => member.given)].join(' | ');
  }
}

class Member {
  #inbox: Inbox | undefined;
  #held: ConsumeMessage[] = [];
  #log: string[] = [];

  constructor(
    private channel: ConfirmChannel,
    private readonly queue: string,
  ) {}

  get given(): string {
    this.#collect();
    return this.#log.join(' ');
  }

  async join(count: number): Promise<void> {
    if (this.#inbox) return;
    await this.channel.prefetch(count);
    this.#inbox = await Inbox.on(this.channel, this.queue);
  }

  async leave(): Promise<void> {
    if (this.#inbox) await this.channel.cancel(this.#inbox.tag);
    this.#collect();
    this.#inbox = undefined;
  }

  settle(pick: number, as: 'ack' | 'requeue' | 'reject'): void {
    this.#collect();
    const [message] = this.#held.splice(pick % Math.max(1, this.#held.length), 1);
    if (!message) return;
    if (as === 'ack') this.channel.ack(message);
    else this.channel.nack(message, false, as === 'requeue');
  }

  async replaceChannel(next: ConfirmChannel): Promise<void> {
    await this.channel.close();
    this.#collect();
    this.#inbox = undefined;
    this.#held = [];
    this.channel = next;
  }

  #collect(): void {
    for (const message of this.#inbox?.messages.splice(0) ?? []) {
      this.#held.push(message);
      this.#log.push(`${message.content.toString()}${message.fields.redelivered ? '*' : ''}`);
    }
  }
}
