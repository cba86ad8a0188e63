import type { SubscriptionRequest } from '../subscriber.js';
import type { Topology } from './definitions.js';
import { exported, type RabbitDefinitions } from './exported-definitions.js';
import { permissionsFor, type RolePermissions } from './permissions.js';
import type { PlanSettings } from './plan.js';
import { topologyOf } from './topology-of.js';
import type { TopologyReport } from '../topology-report.js';

export interface ExportOptions {
  /** Virtual host to write into the definitions. Default: that of `rabbitmq.url`. */
  readonly vhost?: string;
  /** Users, by what their processes do, to give the least permissions to. They have to exist. */
  readonly users?: Partial<Record<keyof RolePermissions, string>>;
}

/** What this application needs on RabbitMQ: to provide it beforehand, or to look whether it is there. */
export class OutboxTopology {
  constructor(
    private readonly settings: PlanSettings & { readonly urls: readonly string[] },
    private readonly requests: () => readonly SubscriptionRequest[],
    private readonly inspect: (topology: Topology) => Promise<TopologyReport>,
  ) {}

  /**
   * Exchanges, queues and bindings for all handlers of the application, as `rabbitmqctl import_definitions` and the
   * management page take them. Queues of `broadcast` handlers are not among them: each process declares its own.
   */
  definitions({ vhost = this.vhost(), users = {} }: ExportOptions = {}): RabbitDefinitions {
    const definitions = exported(topologyOf(this.settings, this.requests()), vhost);
    const roles = this.permissions();
    const permissions = Object.entries(users).map(([role, user]) => ({
      user,
      vhost,
      ...roles[role as keyof RolePermissions],
    }));
    return permissions.length === 0 ? definitions : { ...definitions, permissions };
  }

  /** The least permissions of each kind of process, with everything provided beforehand. */
  permissions(): RolePermissions {
    return permissionsFor(this.settings, this.requests());
  }

  /**
   * Looks at the broker, and changes nothing. Bindings cannot be seen over AMQP.
   * @throws {BrokerUnavailableError} when it cannot be reached
   */
  check(): Promise<TopologyReport> {
    return this.inspect(topologyOf(this.settings, this.requests()));
  }

  private vhost(): string {
    const path = new URL(this.settings.urls[0] as string).pathname.slice(1);
    return path === '' ? '/' : decodeURIComponent(path);
  }
}
