import { setTimeout as sleep } from 'node:timers/promises';
import amqp from 'amqplib';

const RECONNECT_DELAY = 50;

/** Consumes queues, and enters what arrives into the ledger, in its order. It comes back when the broker does. */
export class Sinks {
  #url;
  #ledger;
  #connection;
  #queues = [];
  #closing = false;

  static async open(rabbitUrl, ledger) {
    const sinks = new Sinks();
    sinks.#url = rabbitUrl;
    sinks.#ledger = ledger;
    await sinks.#connect();
    return sinks;
  }

  /** `pause`: milliseconds that each message takes. */
  async consume(queue, { prefetch = 1_000, pause = 0 } = {}) {
    this.#queues.push({ queue, prefetch, pause });
    await this.#open(this.#queues.at(-1));
  }

  async close() {
    this.#closing = true;
    await this.#connection.close().catch(() => undefined);
  }

  async #connect() {
    this.#connection = await amqp.connect(this.#url);
    this.#connection.on('error', () => undefined);
    this.#connection.on('close', () => void this.#reconnect());
    for (const queue of this.#queues) await this.#open(queue);
  }

  async #reconnect() {
    while (!this.#closing) {
      try {
        return await this.#connect();
      } catch {
        await sleep(RECONNECT_DELAY);
      }
    }
  }

  async #open({ queue, prefetch, pause }) {
    const channel = await this.#connection.createChannel();
    channel.on('error', () => undefined);
    await channel.prefetch(prefetch);
    await channel.consume(queue, (message) => {
      if (!message) return;
      this.#enter(message);
      if (pause > 0) setTimeout(() => ack(channel, message), pause);
      else ack(channel, message);
    });
  }

  #enter({ content, fields, properties }) {
    const { key, number, doomed, emitted } = JSON.parse(content.toString());
    if (doomed) this.#ledger.phantoms.push({ key, number });
    // Delivered once more because our ack was lost: not published once more.
    else if (!fields.redelivered || !this.#ledger.has(key, number)) {
      this.#ledger.delivered(key, number, properties.appId, emitted);
    }
  }
}

function ack(channel, message) {
  try {
    channel.ack(message);
  } catch {
    // The channel is gone, and the message will come again.
  }
}
