import type { MissingRight } from '../../../broker/inspection.js';
import { problem, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';
import type { KnownQueue } from '../known-queue.js';

/** Of our user, for what a process like this one does; whether others may, only they can tell. */
export async function permissionsCheck(facts: Facts): Promise<Look> {
  const { broker, application } = facts.parts;
  const queues = application.consumes ? consumed(await facts.queues()) : [];
  const missing: MissingRight[] = [];
  const own = await facts.plan();
  for (const { plan, requests } of byPlan(queues, own)) {
    const relays = application.relays && plan.exchange === own.exchange;
    missing.push(...(await broker.missingRights(plan, { relays, requests })));
  }
  const { user, vhost } = broker.target;
  const remark = `of user "${user}", to ${doing(application)}`;
  return { findings: missing.length > 0 ? [refused(missing, user, vhost)] : [], remark };
}

const doing = ({ relays, consumes }: Facts['parts']['application']) =>
  [relays && 'relay', consumes && 'consume'].filter(Boolean).join(' and ') || 'emit only';

const consumed = (queues: readonly KnownQueue[]) =>
  queues.filter(({ own, alive, broadcast }) => (own || alive.length > 0) && !broadcast);

function byPlan(queues: readonly KnownQueue[], own: KnownQueue['plan']) {
  const exchanges = new Set([own.exchange, ...queues.map(({ plan }) => plan.exchange)]);
  return [...exchanges].map((exchange) => {
    const ofPlan = queues.filter(({ plan }) => plan.exchange === exchange);
    return { plan: ofPlan[0]?.plan ?? own, requests: ofPlan.flatMap(({ requests }) => requests) };
  });
}

function refused(missing: readonly MissingRight[], user: string, vhost: string): Found {
  const list = missing.map(({ right, kind, name }) =>
    right === 'write' ? `publish to ${kind} "${name}"` : `consume ${kind} "${name}"`,
  );
  return problem(
    'permission-missing',
    `RabbitMQ's user "${user}" may not ${list.join(', nor ')} on virtual host "${vhost}".`,
    `rabbitmqctl set_permissions -p '${vhost}' '${user}' '<configure>' '<write>' '<read>'; npx outbox topology permissions ` +
      '--app dist/app.module.js#AppModule prints the least that each kind of process needs.',
    { user, vhost, missing },
  );
}
