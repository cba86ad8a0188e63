import { ModuleProcess } from '../support/module-process.mjs';

/** A process that consumes, for a `Crowd`. */
export class ConsumerUnderFire {
  #ledger;
  #process = new ModuleProcess(new URL('processes/consumer.mjs', import.meta.url));
  #busy = true;
  #ended = false;

  constructor(name, ledger) {
    this.name = name;
    this.#ledger = ledger;
  }

  async start(site, options) {
    await this.#process.call('start', site, options, this.name);
    this.#busy = false;
  }

  get isFree() {
    return !this.#busy && !this.#ended;
  }

  get hasEnded() {
    return this.#ended;
  }

  get hasCrashed() {
    return this.isFree && !this.#process.running;
  }

  async kill() {
    this.#busy = true;
    this.#ledger.fault('kill', this.name, { margin: 0 });
    await this.#process.signal('SIGKILL');
    this.#ended = true;
  }

  /** An orderly end: no fault. */
  async close() {
    this.#busy = true;
    await this.#process.end();
    this.#ended = true;
  }
}
