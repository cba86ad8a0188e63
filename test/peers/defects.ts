/** A defect of a package that others use for this job, and the test that shows we do not have it. */
export interface Defect {
  readonly peer:
    '@golevelup/nestjs-rabbitmq' | '@nestjs/microservices' | 'amqp-connection-manager' | 'others';
  readonly defect: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Of the test; part of it where a table makes several. */
  readonly title: string;
}

const golevelup = { peer: '@golevelup/nestjs-rabbitmq' } as const;
const nest = { peer: '@nestjs/microservices' } as const;
const manager = { peer: 'amqp-connection-manager' } as const;
const others = { peer: 'others' } as const;

const PROCESSES = 'test/consume/processes.e2e.spec.ts';
const RECOVERY = 'test/broker/rabbitmq/recovery.int.spec.ts';
const RESTARTS = 'test/broker/rabbitmq/restarts.int.spec.ts';
const SHARED = 'test/consume/shared-queues.int.spec.ts';
const SHUTDOWN = 'test/consume/shutdown.int.spec.ts';
const HERE = 'test/peers/peers.int.spec.ts';

/** Seen by running them, or read in their sources, in November 2026. */
export const DEFECTS: readonly Defect[] = [
  {
    ...golevelup,
    defect:
      'close() cancels no consumer: what comes meanwhile is delivered, and its ack is an unhandled rejection',
    file: PROCESSES,
    title: 'under load ends at SIGTERM by itself, with 0',
  },
  {
    ...golevelup,
    defect: 'close() cancels no consumer: messages that come meanwhile are handled',
    file: SHUTDOWN,
    title: 'in the middle of 200 slow handlers loses nothing, handles nothing twice, and starts nothing more',
  },
  {
    ...golevelup,
    defect: 'a consumer that the broker cancels stays away, while it says that it is connected',
    file: RESTARTS,
    title: 'the deletion of its queue, which is back with its bindings',
  },
  {
    ...golevelup,
    defect:
      'an error handler that settles on a closed channel throws where nobody listens: the process crashes',
    file: RECOVERY,
    title: 'and a handler that fails after its event was taken away leaves no second copy behind',
  },
  {
    ...golevelup,
    defect: 'an ack on a closed channel throws where nobody listens',
    file: RECOVERY,
    title: 'and a running handler is told that its event was taken away; its late ack is dropped',
  },
  {
    ...golevelup,
    defect: 'a setup that fails neither resolves nor rejects',
    file: PROCESSES,
    title: 'whose topology does not fit fails its start, and ends by itself',
  },
  {
    ...golevelup,
    defect: 'of several handlers on one queue each gets what is for the others',
    file: SHARED,
    title: 'hands each event to the handler whose pattern it matches, and to no other',
  },
  {
    ...golevelup,
    defect: 'several handlers on one queue: what is for one of them reaches another, by turns',
    file: HERE,
    title: 'of a hundred events for one of two handlers on a queue, all reach that one',
  },
  {
    ...golevelup,
    defect: 'static state is shared by the applications of a process',
    file: 'test/module/two-apps.e2e.spec.ts',
    title: 'one that closes leaves the other working',
  },
  {
    ...golevelup,
    defect: 'a message that no queue is bound for counts as published',
    file: 'test/relay/returned.int.spec.ts',
    title: 'is published, recorded on its row and counted; its neighbours are not',
  },
  {
    ...golevelup,
    defect: 'while disconnected, messages are buffered without bound',
    file: 'test/relay/outage.e2e.spec.ts',
    title: 'down: nothing is claimed, and the lag can be seen',
  },
  {
    ...golevelup,
    defect: 'a failing message comes back at once, ten thousand times a second',
    file: HERE,
    title: 'a handler that always throws runs once for each of its delays and once more, and then no more',
  },
  {
    ...nest,
    defect:
      'an exact handler shadows those with wildcards, of which only the first runs; "#" works at the end only',
    file: HERE,
    title: 'every handler whose pattern matches runs, wherever its wildcards are',
  },
  {
    ...nest,
    defect: 'by default (noAck) a crash loses what was delivered',
    file: PROCESSES,
    title: 'that is killed hands its events to another, which sees that they were delivered before',
  },
  {
    ...nest,
    defect: 'an error of a handler is logged, and the message stays unsettled until the channel goes',
    file: 'test/consume/outcomes.int.spec.ts',
    title: '%s, it is retried',
  },
  {
    ...nest,
    defect: 'a message that no handler is for is dropped',
    file: SHARED,
    title: 'brings events that no handler is for: they are dead letters, with an explanation',
  },
  {
    ...nest,
    defect: 'by default a consumer is sent everything at once; a global prefetch is refused by RabbitMQ 4.3',
    file: HERE,
    title: 'a consumer is sent as much as its prefetch says, by a limit that is not global',
  },
  {
    ...nest,
    defect: 'messages are not persistent unless asked for: a restart of the broker loses them',
    file: HERE,
    title: 'events, retries and dead letters are persistent',
  },
  {
    ...nest,
    defect: 'close() does not wait for handlers that run',
    file: 'test/microservices/microservice.e2e.spec.ts',
    title: 'a microservice that is told to stop waits for the handler that runs, and starts no other',
  },
  {
    ...nest,
    defect: 'a consumer that the broker cancels stays away',
    file: RESTARTS,
    title: 'the deletion of its queue again and again',
  },
  {
    ...nest,
    defect: 'a publish has no deadline',
    file: 'test/relay/outage.e2e.spec.ts',
    title: 'that no longer answers is given up after the publish timeout, for a new connection',
  },
  {
    ...manager,
    defect: 'a channel that the broker closes takes the connection down, or never comes back',
    file: RECOVERY,
    title: 'when the broker closes a consumer’s channel, and only that one',
  },
  {
    ...manager,
    defect: 'with an error listener on it, which we have on each, a channel that was closed never comes back',
    file: RECOVERY,
    title: 'when the broker closes a consumer’s channel, and only that one',
  },
  {
    ...manager,
    defect: 'a publish to an exchange that is gone ends the channel for all that publish',
    file: 'test/broker/rabbitmq/forwarding.int.spec.ts',
    title: 'gets where it belongs when its exchange was deleted meanwhile, and costs the relay no channel',
  },
  {
    ...manager,
    defect: 'unconfirmed messages are sent again by themselves after every reconnect, without bound',
    file: 'test/relay/crash.e2e.spec.ts',
    title:
      'of one relay after the other under load: nothing is lost, and only what was in flight comes twice',
  },
  {
    ...others,
    defect: 'a return is an event of the connection, and nobody can tell whose it is',
    file: 'test/relay/returned.int.spec.ts',
    title: 'is told apart in a crowd: every second one of a thousand',
  },
  {
    ...others,
    defect: 'an ack timeout of the broker closes the channel, and the consumer with it',
    file: RESTARTS,
    title: 'a channel that the broker closes because a handler takes too long: the event is handled again',
  },
  {
    ...others,
    defect: 'a confirm never comes when the peer is gone without a word',
    file: RECOVERY,
    title: 'when the peer stops answering, long before a heartbeat would tell: the connection is replaced',
  },
  {
    ...others,
    defect: 'what is sent while the connection is down is lost',
    file: RECOVERY,
    title: 'after the broker was away, with what was sent meanwhile',
  },
];
