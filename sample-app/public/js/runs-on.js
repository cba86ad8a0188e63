import { get } from './api.js';
import { byId, setText } from './dom.js';

const ROLES = {
  all: 'One process: web, relay and consumers.',
  api: 'This process serves the page; the relay and the consumers are processes of their own.',
};

/** Asked again after every reconnect: it may be another process that answers now. */
export async function showRunsOn() {
  const { role, database, broker } = await get('runs-on');
  setText(
    byId('database'),
    `${database.embedded ? 'Embedded PostgreSQL' : 'PostgreSQL'} at ${database.address}`,
  );
  setText(byId('broker'), `${broker.embedded ? 'In-process broker' : 'RabbitMQ'} at ${broker.address}`);
  setText(byId('setting'), `${ROLES[role]} ${forTryingOut(database.embedded, broker.embedded)}`);
}

function forTryingOut(database, broker) {
  if (database && broker)
    return 'Embedded PostgreSQL and in-process broker — for trying out; set DATABASE_URL and RABBITMQ_URL for real ones.';
  if (database) return 'Embedded PostgreSQL — for trying out; set DATABASE_URL for a real one.';
  if (broker) return 'In-process broker — for trying out; set RABBITMQ_URL for a real one.';
  return '';
}
