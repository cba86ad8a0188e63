import { ModuleProcess } from '../support/module-process.mjs';
import { startPeer } from './peers.mjs';
import { createStage } from './stage.mjs';

/** What a benchmark has opened. It is closed in reverse order when the benchmark ends, however it ends. */
export class Scope {
  #ends = [];

  constructor({ databaseUrl, rabbitUrl, pooler = false }) {
    this.databaseUrl = databaseUrl;
    /** Whether the database is behind a pooler. */
    this.pooler = pooler;
    this.rabbitUrl = rabbitUrl;
  }

  onEnd(end) {
    this.#ends.push(end);
  }

  /** An exchange, a queue and a schema. */
  async stage(name, options) {
    const stage = await createStage(this, name, options);
    this.onEnd(() => stage.close());
    return stage;
  }

  /** A script of processes/, running. */
  process(script) {
    return this.#started(new ModuleProcess(new URL(`processes/${script}.mjs`, import.meta.url)));
  }

  /** A script of peers/, running. Undefined when its packages are not there and cannot be installed. */
  peer(script) {
    const peer = startPeer(script);
    return peer && this.#started(peer);
  }

  async end() {
    for (const end of this.#ends.reverse()) await end();
  }

  #started(process) {
    this.onEnd(() => process.end());
    return process;
  }
}
