import { setTimeout as sleep } from 'node:timers/promises';
import { ModuleProcess } from '../support/module-process.mjs';
import { TcpProxy } from '../support/tcp-proxy.mjs';
import { watchForChannelCloses } from './amqp-closes.mjs';

/** When the broker closes a channel, what is unconfirmed has been on its way for no longer than this, in milliseconds. */
const CHANNEL_MARGIN = 500;

/** A relay process whose connections go through proxies of its own, so that what happens to it is known to be its own. */
export class RelayUnderFire {
  #ledger;
  #proxies;
  #process;
  #busy = true;
  #ended = false;

  /** `margin`: milliseconds before and after a fault within which what it publishes is in flight. */
  constructor(name, ledger, margin) {
    this.name = name;
    this.#ledger = ledger;
    this.margin = margin;
  }

  /** Messages that it publishes carry its name as `appId`. */
  async start(site, options) {
    const closed = () => void this.#ledger.fault('channel closed', this.name, { margin: CHANNEL_MARGIN });
    this.#proxies = {
      database: await TcpProxy.start(site.databaseUrl),
      broker: await TcpProxy.start(site.rabbitUrl, () => ({ server: watchForChannelCloses(closed) })),
    };
    const { database, broker } = this.#proxies;
    this.#process = new ModuleProcess(new URL('processes/relay.mjs', import.meta.url));
    const through = { ...site, databaseUrl: database.url, rabbitUrl: broker.url };
    await this.#process.call('start', through, { ...options, service: this.name });
    this.#busy = false;
  }

  /** Whether it is at work, and nothing is being done to it. */
  get isFree() {
    return !this.#busy && !this.#ended;
  }

  get hasEnded() {
    return this.#ended;
  }

  /** It has ended, and nobody has ended it. */
  get hasCrashed() {
    return this.isFree && !this.#process.running;
  }

  call(name) {
    return this.#process.call(name);
  }

  kill() {
    return this.#suffer('kill', async () => {
      await this.#process.signal('SIGKILL');
      await this.#end();
    });
  }

  freeze(duration) {
    return this.#suffer('freeze', async () => {
      await this.#process.signal('SIGSTOP');
      await sleep(duration);
      await this.#process.signal('SIGCONT');
    });
  }

  cut(which) {
    return this.#suffer(`${which} cut`, async () => this.#proxies[which].cut());
  }

  stall(which, duration) {
    return this.#suffer(`${which} stalled`, async () => {
      this.#proxies[which].stall();
      await sleep(duration);
      this.#proxies[which].flow();
    });
  }

  /** An orderly end: no fault. */
  async close() {
    this.#busy = true;
    await this.#process.end();
    await this.#end();
  }

  async #suffer(kind, work) {
    this.#busy = true;
    const fault = this.#ledger.fault(kind, this.name, { margin: this.margin, end: Infinity });
    await work();
    fault.end = this.#ledger.now;
    this.#busy = false;
  }

  async #end() {
    this.#ended = true;
    for (const proxy of Object.values(this.#proxies)) await proxy.close();
  }
}
