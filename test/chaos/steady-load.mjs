import { setTimeout as sleep } from 'node:timers/promises';
import { ModuleProcess } from '../support/module-process.mjs';

/** How often arrivals are counted, in milliseconds. */
const TICK = 100;

/** An emitter that keeps on emitting at its pace, and a view of how fast its events arrive. */
export class SteadyLoad {
  #emitter;
  #emission;
  #ledger;

  static async start(site, plan, ledger, scope) {
    const load = new SteadyLoad();
    load.#ledger = ledger;
    load.perSecond = plan.perSecond;
    load.#emitter = new ModuleProcess(new URL('processes/emitter.mjs', import.meta.url));
    scope.onEnd(() => load.#emitter.end());
    await load.#emitter.call('start', site, { events: Infinity, kinds: [], slow: 0, rolledBack: 0, ...plan });
    load.#emission = load.#emitter.call('run');
    return load;
  }

  /** Resolves to what is committed by now, which the ledger is told. */
  async progress() {
    const { total, committed } = await this.#emitter.call('progress');
    committed.forEach((count, key) => this.#ledger.committed(key, count));
    return total;
  }

  async stop() {
    await this.#emitter.call('stop');
    await this.#emission;
    await this.progress();
  }

  /** Milliseconds from now until events arrive as fast as they are emitted, for half a second on end. */
  async untilFullRate(limit = 60_000) {
    const started = Date.now();
    const arrivals = [this.#ledger.arrived];
    while (Date.now() - started < limit) {
      await sleep(TICK);
      arrivals.push(this.#ledger.arrived);
      const before = arrivals.at(-6);
      // The half second began before its last arrival was counted.
      const isFull = before !== undefined && arrivals.at(-1) - before >= (this.perSecond * TICK * 5) / 1_000;
      if (isFull) return Math.max(0, Date.now() - started - TICK * 5);
    }
    return Infinity;
  }

  /** Resolves when no more than a second's worth of events is under way, or nothing has arrived for 30 s. */
  async untilCaughtUp() {
    while ((await this.#underWay()) > this.perSecond) await sleep(TICK);
  }

  /** Resolves when all that was emitted has arrived, or nothing has for 30 s. */
  async untilArrived() {
    while ((await this.#underWay()) > 0) await sleep(TICK);
    // What was published twice at the very end arrives now.
    await sleep(1_000);
  }

  async #underWay() {
    const total = await this.progress();
    return this.#ledger.now - this.#ledger.lastArrival > 30_000 ? 0 : total - this.#ledger.arrived;
  }
}
