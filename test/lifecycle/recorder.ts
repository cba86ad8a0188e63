import { OutboxLifecycle, type LifecycleMessage, type LifecycleName } from 'nestjs-rabbitmq-outbox';
import { eventually, type TestApp } from '../support/outbox-app.js';

/** Everything an application tells, from the moment it is asked. */
export function recordLifecycle({ app }: Pick<TestApp, 'app'>) {
  const messages: LifecycleMessage[] = [];
  app.get(OutboxLifecycle).events$.subscribe((message) => void messages.push(message));
  const named = <Name extends LifecycleName>(name: Name) =>
    messages.filter((message) => message.name === name) as Array<LifecycleMessage<Name>>;
  return {
    messages,
    named,
    names: () => messages.map(({ name }) => name),
    /** The first message of the name, as soon as it is there. */
    first: <Name extends LifecycleName>(name: Name) =>
      eventually(() => named(name)[0]) as Promise<LifecycleMessage<Name>>,
  };
}
