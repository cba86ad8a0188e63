import type { Type } from '@nestjs/common';
import { ModuleRef, type ContextId } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { InvokerTarget, Provider } from './invoker.js';

/* What Nest knows of the providers and controllers that handlers are methods of. */

/** Without aliases, and without factories that hand on what another provider has made. */
export function distinct(wrappers: readonly InstanceWrapper[]): InstanceWrapper[] {
  const own = wrappers.filter(({ isAlias }) => !isAlias);
  const made = new Set<unknown>(own.filter((one) => !one.isNotMetatype).map(({ instance }) => instance));
  return own.filter((one) => {
    if (!one.isNotMetatype) return true;
    const first = !made.has(one.instance);
    made.add(one.instance);
    return first;
  });
}

/** Of a class Nest instantiates: the class's. Of a value, or what a factory made: its own. */
export function prototypeOf({ isNotMetatype, metatype, instance }: InstanceWrapper): Provider | undefined {
  if (!isNotMetatype) return (metatype as Type<Provider>).prototype;
  return typeof instance === 'object' && instance !== null
    ? (Object.getPrototypeOf(instance) as Provider)
    : undefined;
}

/** Request-scoped and transient providers get an instance per message. */
export function targetOf(
  wrapper: InstanceWrapper,
  prototype: Provider,
): Omit<InvokerTarget, 'method' | 'prepare'> {
  const { id: inquirerId, token, host } = wrapper;
  const durable = wrapper.isDependencyTreeDurable();
  const target = { inquirerId, moduleToken: host?.token ?? '', durable };
  if (wrapper.isDependencyTreeStatic() && !wrapper.isTransient)
    return { ...target, instance: wrapper.instance as Provider };
  const moduleRef = host?.getProviderByKey<ModuleRef>(ModuleRef).instance as ModuleRef;
  const resolve = (contextId: ContextId) => moduleRef.resolve<Provider>(token as string, contextId);
  return { ...target, instance: prototype, resolve };
}
