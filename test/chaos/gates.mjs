import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Ways the broker refuses an event, each for some keys only: a queue that is full, a binding that is not there, an exchange
 * that does not exist and so costs the publisher its channel. Bindings and exchange come and go.
 */
export class Gates {
  #ground;
  #bound = false;

  static async open(ground) {
    const gates = new Gates();
    gates.#ground = ground;
    const { channel, site } = ground;
    gates.narrowQueue = `${site.exchange}.narrow`;
    gates.missingExchange = `${site.exchange}.missing`;
    ground.remember('queue', gates.narrowQueue);
    ground.remember('exchange', gates.missingExchange);
    await channel.assertQueue(gates.narrowQueue, {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-max-length': 5, 'x-overflow': 'reject-publish' },
    });
    await channel.bindQueue(gates.narrowQueue, site.exchange, 'chaos.narrow');
    await gates.#exist(true);
    return gates;
  }

  /** Which keys emit what, and how much of it. All events of a key go to one queue, where their order can be seen. */
  get kinds() {
    return [
      { from: 0, to: 25, type: 'chaos.narrow', share: 1 },
      { from: 25, to: 40, type: 'chaos.unbound', share: 0.1 },
      { from: 40, to: 45, type: 'chaos.poison', share: 0.1, exchange: this.missingExchange },
    ];
  }

  /** Opens or closes the one, or closes the other for a moment, by chance. */
  async turn(random) {
    if (random.chance(0.5)) return this.#bind(!this.#bound);
    await this.#exist(false);
    await sleep(random.between(300, 1_500));
    await this.#exist(true);
  }

  async openAll() {
    await this.#bind(true);
    await this.#exist(true);
  }

  async #bind(yes) {
    const { channel, sink, site } = this.#ground;
    this.#bound = yes;
    await (yes
      ? channel.bindQueue(sink, site.exchange, 'chaos.unbound')
      : channel.unbindQueue(sink, site.exchange, 'chaos.unbound'));
  }

  async #exist(yes) {
    const { channel, sink } = this.#ground;
    if (!yes) return channel.deleteExchange(this.missingExchange);
    await channel.assertExchange(this.missingExchange, 'topic', { durable: true });
    await channel.bindQueue(sink, this.missingExchange, 'chaos.poison');
  }
}
