import { field, setData, setText } from './dom.js';

/** Who will hear of an event, to show who has not yet. */
const CONSUMERS = {
  'order.placed': ['Invoicing', 'Notifications', 'Warehouse'],
  'invoice.sent': ['Notifications'],
};

/** Where an event is that a consumer has not had yet. */
const WHEREABOUTS = { pending: 'Not published yet', published: 'In its queue', dead: 'Never published' };

/** One line for each consumer of the event: its latest attempt, or where the event waits. */
export function deliveriesOf({ id, type, state }, activity) {
  const none = { outcome: 'waiting', detail: WHEREABOUTS[state] };
  const latest = new Map((CONSUMERS[type] ?? []).map((consumer) => [consumer, { consumer, ...none }]));
  for (const attempt of activity) {
    if (attempt.eventId === id) latest.set(attempt.consumer, attempt);
  }
  return [...latest.values()];
}

export function showDelivery(element, delivery) {
  setData(element, 'outcome', delivery.outcome);
  setText(field(element, 'consumer'), delivery.consumer);
  setText(field(element, 'outcome'), outcomeOf(delivery));
  const detail = field(element, 'detail');
  setText(detail, detailOf(delivery));
  // The line may be too short for it.
  if (detail.title !== detail.textContent) detail.title = detail.textContent;
}

export function outcomeOf({ outcome, attempt, attempts }) {
  if (outcome === 'failed') return `failed ${attempt} of ${attempts}`;
  if (outcome === 'dead') return 'dead letter';
  return outcome;
}

function detailOf({ outcome, detail, queue, attempt }) {
  if (outcome === 'dead') return `${detail}. Rests in ${queue}.dlq`;
  if (outcome === 'handled' && attempt > 1) return `${detail}, on attempt ${attempt}`;
  return detail;
}
