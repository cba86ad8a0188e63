/** What one process of the shop does. `all` is the whole shop in one process. */
export const ROLES = ['all', 'api', 'relay', 'worker'] as const;
export type Role = (typeof ROLES)[number];

export interface Config {
  role: Role;
  port: number;
  /** Where a relay or a worker, which serves no page, serves `/metrics` and `/health`. */
  monitoringPort?: number;
  databaseUrl?: string;
  rabbitmqUrl?: string;
  /** Prefix of the queue names. */
  service: string;
}

const EXAMPLES: Record<string, string> = {
  DATABASE_URL: 'postgres://user:password@host:5432/database',
  RABBITMQ_URL: 'amqp://user:password@host:5672',
};

/** The shop cannot start as it was asked to. The message says what to change; a stack would not help. */
export class StartError extends Error {
  override name = 'StartError';
}

/** The role is the first argument (`node main.js worker`) or `ROLE`; the rest comes from the environment. */
export function readConfig(env: NodeJS.ProcessEnv, argv: string[]): Config {
  const config: Config = {
    role: readRole(argv[0] || env.ROLE || 'all'),
    port: readPort('PORT', env.PORT || '3000'),
    ...(env.MONITORING_PORT && { monitoringPort: readPort('MONITORING_PORT', env.MONITORING_PORT) }),
    databaseUrl: readUrl('DATABASE_URL', env),
    rabbitmqUrl: readUrl('RABBITMQ_URL', env),
    service: env.OUTBOX_SERVICE || 'shop',
  };
  return requireRealServers(config);
}

function readRole(value: string): Role {
  const role = ROLES.find((known) => known === value);
  if (!role) throw new StartError(`ROLE must be one of ${ROLES.join(', ')}, got "${value}".`);
  return role;
}

function readPort(variable: string, value: string): number {
  const port = Number(value);
  if (!/^\d+$/.test(value) || port > 65_535)
    throw new StartError(`${variable} must be a number from 0 (any free port) to 65535, got "${value}".`);
  return port;
}

function readUrl(variable: string, env: NodeJS.ProcessEnv): string | undefined {
  const value = env[variable] || undefined;
  if (value && !URL.canParse(value))
    throw new StartError(`${variable} is not a URL. It looks like ${EXAMPLES[variable]}.`);
  return value;
}

/** An embedded server lives inside one process, so processes that must meet need real ones. */
function requireRealServers(config: Config): Config {
  const given: Record<string, string | undefined> = {
    DATABASE_URL: config.databaseUrl,
    RABBITMQ_URL: config.rabbitmqUrl,
  };
  const missing = Object.keys(given).filter((variable) => !given[variable]);
  if (config.role === 'all' || missing.length === 0) return config;
  const examples = missing.map((variable) => `${variable} (${EXAMPLES[variable]})`);
  throw new StartError(
    `The ${config.role} process shares its database and broker with the other processes. ` +
      `Set ${examples.join(' and ')}, or run the whole shop in one process with "npm start".`,
  );
}
