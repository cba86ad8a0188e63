import amqp from 'amqplib';

/** Consumes queues, and enters what arrives into the ledger, in its order. */
export class Sinks {
  #connection;

  static async open(rabbitUrl, ledger) {
    const sinks = new Sinks();
    sinks.#connection = await amqp.connect(rabbitUrl);
    sinks.ledger = ledger;
    return sinks;
  }

  /** `pause`: milliseconds that each message takes. */
  async consume(queue, { prefetch = 1_000, pause = 0 } = {}) {
    const channel = await this.#connection.createChannel();
    await channel.prefetch(prefetch);
    await channel.consume(queue, (message) => {
      this.#enter(message);
      if (pause > 0) setTimeout(() => channel.ack(message), pause);
      else channel.ack(message);
    });
  }

  close() {
    return this.#connection.close();
  }

  #enter({ content, properties }) {
    const { key, number, doomed } = JSON.parse(content.toString());
    if (doomed) this.ledger.phantoms.push({ key, number });
    else this.ledger.delivered(key, number, properties.appId);
  }
}
