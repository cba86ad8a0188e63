import { RelayUnderFire } from './relay-under-fire.mjs';

/** As many relays as wanted, and a new one for each that was killed. */
export class Crowd {
  #relays = [];
  #make;
  #random;
  #starting = new Set();
  #closing = new Set();
  #number = 0;
  #failure;
  #timer;
  wanted = 0;

  /** `make` starts a relay of the given name. */
  constructor(random, make) {
    this.#random = random;
    this.#make = make;
  }

  static of(site, options, ledger, random) {
    return new Crowd(random, async (name) => {
      // Unsettled is what was published within the publish timeout, and a little more until it is on record.
      const relay = new RelayUnderFire(name, ledger, options.relay.publishTimeout + 500);
      await relay.start(site, options);
      return relay;
    });
  }

  /** From now on, the number of relays follows `wanted`. */
  keep() {
    this.#timer = setInterval(() => this.#adjust(), 100);
  }

  get size() {
    return this.#living.length;
  }

  /** One that nothing is being done to, by chance. */
  get victim() {
    return this.#random.pick(this.#living.filter(({ isFree }) => isFree));
  }

  /** Throws what went wrong with a relay that nobody harmed. */
  check() {
    if (this.#failure) throw this.#failure;
    const crashed = this.#living.find(({ hasCrashed }) => hasCrashed);
    if (crashed) throw new Error(`${crashed.name} has ended by itself.`);
  }

  async close() {
    clearInterval(this.#timer);
    await Promise.allSettled([...this.#starting, ...this.#closing]);
    await Promise.allSettled(this.#living.map((relay) => relay.close()));
  }

  get #living() {
    return this.#relays.filter(({ hasEnded }) => !hasEnded);
  }

  #adjust() {
    const size = this.#living.length - this.#closing.size + this.#starting.size;
    if (size < this.wanted) this.#add();
    else if (size > this.wanted && this.#starting.size === 0) this.#remove();
  }

  #add() {
    const starting = this.#make(`relay-${++this.#number}`)
      .then(
        (relay) => void this.#relays.push(relay),
        (error) => void (this.#failure = error),
      )
      .finally(() => this.#starting.delete(starting));
    this.#starting.add(starting);
  }

  #remove() {
    const relay = this.victim;
    if (!relay) return;
    const closing = relay.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
