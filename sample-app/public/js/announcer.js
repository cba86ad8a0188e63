import { outcomeOf } from './deliveries.js';
import { byId, setText } from './dom.js';

/** Long enough for an event to get through all its stages, so that each is told of once, as a whole. */
const PAUSE_MS = 800;

const told = new Map();
let first = true;
let timer;
let waiting = new Map();

/** Tells screen readers what has become of events since the page was opened, without reading the whole list out. */
export function announce(events) {
  for (const event of events) {
    const news = newsOf(event);
    if (!first && told.get(event.id) !== news) waiting.set(event.id, news);
    told.set(event.id, news);
  }
  first = false;
  if (waiting.size === 0) return;
  clearTimeout(timer);
  timer = setTimeout(speak, PAUSE_MS);
}

function speak() {
  setText(byId('announcer'), [...waiting.values()].join(' '));
  waiting = new Map();
}

function newsOf({ type, about, state, deliveries }) {
  const consumers = deliveries.map((delivery) => `${delivery.consumer} ${outcomeOf(delivery)}`);
  return `${about}: ${type} ${state}, ${consumers.join(', ')}.`;
}
