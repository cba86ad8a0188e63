// Two handlers, to be killed: one with an inbox, and one that keeps the order of its keys and fails now and then.
import { OnEvent } from '../../../dist/lib/index.js';
import { startOutbox } from '../../bench/outbox.mjs';

let outbox;

/** `name` is written beside everything that this process does. */
export async function start(site, options, name) {
  class Handlers {
    /** One row for every time that the effects of an event are there. */
    async once({ number }, { manager, attempt }) {
      await manager.query(`INSERT INTO ${site.schema}.once (number, process) VALUES ($1, $2)`, [
        number,
        name,
      ]);
      if (number % 50 === 0 && attempt === 1) throw new Error('fails once, when it has written');
    }

    /** One row for every time that an event was handled, in the order that they were. */
    async inOrder({ key, number, stubborn }, { attempt }) {
      if (stubborn && attempt <= 2) throw new Error('fails twice');
      await outbox.dataSource.query(
        `INSERT INTO ${site.schema}.in_order (key, number, process) VALUES ($1, $2, $3)`,
        [key, number, name],
      );
    }
  }
  handle(Handlers, 'once', 'chaos.once', { inbox: true });
  handle(Handlers, 'inOrder', 'chaos.in-order', { ordered: true });
  outbox = await startOutbox(site, options, { providers: [Handlers] });
}

export const close = () => outbox.close();

function handle(type, method, pattern, options) {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, method);
  OnEvent(pattern, options)(type.prototype, method, descriptor);
}
