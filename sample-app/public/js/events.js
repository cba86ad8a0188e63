import { byId, field, setData, setText, syncList } from './dom.js';
import { deliveriesOf, showDelivery } from './deliveries.js';

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** The outbox rows, each with what the consumers did with its event. */
export function showEvents({ outbox, activity, orders }) {
  const names = new Map(orders.map((order) => [order.id, `Order ${order.number} · ${order.customerName}`]));
  const events = outbox.rows.map((row) => ({
    ...row,
    about: names.get(row.key) ?? `Key ${row.key ?? 'none'}`,
    deliveries: deliveriesOf(row, activity),
  }));
  syncList(byId('events'), events, { key: ({ id }) => id, template: 'event-template', update: showEvent });
  byId('events-empty').hidden = events.length > 0;
  showCount('pending', outbox.pending);
  showCount('dead', outbox.dead);
  return events;
}

function showEvent(element, event) {
  setData(element, 'state', event.state);
  setText(field(element, 'type'), event.type);
  setText(field(element, 'created'), clock.format(new Date(event.createdAt)));
  setText(field(element, 'about'), event.about);
  setText(field(element, 'settled'), event.state === 'dead' ? 'dead' : 'published');
  setText(field(element, 'took'), took(event));
  showError(field(element, 'error'), event);
  syncList(field(element, 'deliveries'), event.deliveries, {
    key: ({ consumer }) => consumer,
    template: 'delivery-template',
    update: showDelivery,
  });
}

/** From the emitting transaction to the broker's confirm, by the database's clock. */
function took({ createdAt, publishedAt }) {
  if (!publishedAt) return '';
  const ms = Math.max(0, new Date(publishedAt) - new Date(createdAt));
  return ms < 1000 ? `after ${ms} ms` : `after ${(ms / 1000).toFixed(1)} s`;
}

function showError(element, { state, attempts, lastError, availableAt }) {
  const failed = attempts > 0 && lastError && state !== 'published';
  element.hidden = !failed;
  if (!failed) return;
  const next =
    state === 'pending' && availableAt ? ` Next try at ${clock.format(new Date(availableAt))}.` : '';
  setText(element, `Attempt ${attempts} failed: ${lastError}.${next}`.replace('..', '.'));
}

function showCount(state, count) {
  const element = byId(`${state}-count`);
  element.hidden = count === 0;
  setText(element, `${count} ${state}`);
}
