import type { SubscriptionRequest } from './subscriber.js';
import type { TopologyReport } from './topology-report.js';

/** How a queue is, this moment. */
export interface QueueDepth {
  readonly messages: number;
  readonly consumers: number;
}

/** A right that our user does not have. */
export interface MissingRight {
  readonly right: 'write' | 'read';
  readonly kind: 'exchange' | 'queue';
  readonly name: string;
}

/** As whom, and where to. */
export interface BrokerTarget {
  /** Hosts, without credentials. */
  readonly hosts: string;
  readonly user: string;
  readonly vhost: string;
}

/** What the shape of all queues of an application depends on. */
export interface QueuePlan {
  readonly exchange: string;
  readonly queueType: 'quorum' | 'classic';
  readonly maxRedeliveries: number;
  /** Where the event exchange sends what no queue is bound for. */
  readonly alternateExchange?: string | undefined;
}

/** What those who look for the cause of trouble ask the broker. Nothing is changed, published or taken. */
export interface BrokerInspection {
  readonly target: BrokerTarget;

  /** @throws {BrokerUnavailableError} when it cannot be reached, or does not let us in */
  reach(): Promise<void>;

  /** `undefined` when there is no such queue. */
  depth(queue: string): Promise<QueueDepth | undefined>;

  hasExchange(name: string): Promise<boolean>;

  /** Compares what is there with what these need. Bindings cannot be seen over AMQP. */
  compare(plan: QueuePlan, requests: readonly SubscriptionRequest[]): Promise<TopologyReport>;

  /** Of the rights that a process needs which relays, or consumes these queues, those that our user does not have. */
  missingRights(plan: QueuePlan, needs: RightsNeeded): Promise<MissingRight[]>;
}

export interface RightsNeeded {
  /** Publishes events. */
  readonly relays: boolean;
  /** Consumes these. */
  readonly requests: readonly SubscriptionRequest[];
}
