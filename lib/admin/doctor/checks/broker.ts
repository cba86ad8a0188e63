import { problem, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';

export async function brokerCheck({ parts: { broker } }: Facts): Promise<Look> {
  const { hosts, user, vhost } = broker.target;
  try {
    await broker.reach();
    return { findings: [], remark: `${hosts}, virtual host "${vhost}", user "${user}"` };
  } catch (error) {
    return { findings: [unreachable((error as Error).message, { hosts, user, vhost })] };
  }
}

const WAITS = 'Events stay in the outbox meanwhile, and no attempt is spent.';

function unreachable(message: string, details: { hosts: string; user: string; vhost: string }): Found {
  const { hosts, user, vhost } = details;
  // What RabbitMQ says to a user it does not know, and how amqplib puts it that there is no way into the virtual host.
  if (/ACCESS.REFUSED/.test(message))
    return problem(
      'broker-login-refused',
      `RabbitMQ at ${hosts} refuses the user "${user}" or its password. ${WAITS}`,
      `Correct rabbitmq.url; or rabbitmqctl change_password '${user}'. The user "guest" may log in from the same machine only.`,
      details,
    );
  if (/ConnectionOpenOk|NOT_ALLOWED/.test(message))
    return problem(
      'broker-vhost-refused',
      `RabbitMQ at ${hosts} does not let the user "${user}" into the virtual host "${vhost}": it does not exist, or the user has no permission there. ${WAITS}`,
      `rabbitmqctl add_vhost '${vhost}', and rabbitmqctl set_permissions -p '${vhost}' '${user}' … (npx outbox topology permissions); or correct the path of rabbitmq.url.`,
      details,
    );
  return problem(
    'broker-unreachable',
    `RabbitMQ cannot be reached: ${message}. ${WAITS}`,
    'See that it runs (rabbitmq-diagnostics check_running) and that rabbitmq.url is right: host, port, TLS, firewall.',
    details,
  );
}
