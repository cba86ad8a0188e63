import {
  Controller,
  forwardRef,
  Inject,
  Injectable,
  Module,
  Scope,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent, OnOutboxEvent } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

const calls: string[] = [];

/** Without those of `scoped` events, which may still come in from the test before. */
const unscoped = () =>
  calls
    .filter((call) => !/^(Single|PerRequest|AboveRequest|Transient|RequestController) /.test(call))
    .toSorted();
let instances = 0;

class Numbered {
  readonly number = ++instances;
}

@Injectable()
class Tenant {
  readonly name = 'acme';
}

@Injectable()
class Single extends Numbered {
  constructor(private readonly tenant: Tenant) {
    super();
  }

  @OnEvent('scoped')
  handle(_payload: unknown, { id }: EventContext): void {
    calls.push(`Single ${this.tenant.name} ${this.number} ${id}`);
  }
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest extends Numbered {
  constructor(
    @Inject(REQUEST) private readonly request: EventContext,
    private readonly tenant: Tenant,
  ) {
    super();
  }

  @OnEvent('scoped')
  handle(_payload: unknown, context: EventContext): void {
    calls.push(
      `PerRequest ${this.tenant.name} ${this.number} ${this.request.id} ${this.request === context}`,
    );
  }
}

@Injectable()
class AboveRequest extends Numbered {
  constructor(private readonly below: PerRequest) {
    super();
  }

  @OnEvent('scoped')
  handle(_payload: unknown, { id }: EventContext): void {
    calls.push(`AboveRequest ${this.below instanceof PerRequest} ${this.number} ${id}`);
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class Transient extends Numbered {
  constructor(private readonly tenant: Tenant) {
    super();
  }

  @OnEvent('scoped')
  handle(_payload: unknown, { id }: EventContext): void {
    calls.push(`Transient ${this.tenant.name} ${this.number} ${id}`);
  }
}

@Controller({ scope: Scope.REQUEST })
class RequestController extends Numbered {
  constructor(@Inject(REQUEST) private readonly request: EventContext) {
    super();
  }

  @OnEvent('scoped')
  handle(@Payload() _payload: unknown): void {
    calls.push(`RequestController ${this.number} ${this.request.id}`);
  }
}

abstract class Base {
  abstract readonly name: string;

  @OnEvent('inherited')
  inherited(@Payload('n') n: number): void {
    calls.push(`${this.name}.inherited ${n}`);
  }

  @OnEvent('overridden')
  overridden(@Payload('n') n: number): void {
    calls.push(`${this.name}.overridden ${n}`);
  }

  @OnEvent('silenced')
  silenced(): void {
    calls.push(`${this.name}.silenced`);
  }
}

@Injectable()
class North extends Base {
  readonly name = 'North';
}

@Injectable()
class South extends Base {
  readonly name = 'South';

  @OnEvent('overridden.south')
  override overridden(@Payload('n') n: number): void {
    calls.push(`South.overridden by its own ${n}`);
  }

  /** Without a decorator of its own it is no handler, as with Nest's own decorators. */
  override silenced(): void {
    calls.push('South.silenced');
  }
}

class Made {
  constructor(readonly how: string) {}

  @OnEvent('made')
  handle(): void {
    calls.push(`Made by ${this.how}`);
  }
}

class Other extends Made {}
class Third extends Made {}
class Fourth extends Made {}

const MARK = Symbol('mark');

@Injectable()
class Odd implements OnModuleInit {
  static touched = false;
  field = 1;
  readonly [MARK] = () => 'marked';

  onModuleInit(): void {
    this.field = 2;
  }

  get explosive(): never {
    Odd.touched = true;
    throw new Error('a getter was called during discovery');
  }

  set explosive(_value: unknown) {
    Odd.touched = true;
  }

  [Symbol.iterator](): Iterator<unknown> {
    return [].values();
  }

  @OnEvent('odd.one')
  @OnEvent(['odd.two', 'odd.three'])
  @OnOutboxEvent('odd.four')
  several(_payload: unknown, context: EventContext): void {
    calls.push(`Odd ${this.field} ${context.type} on ${context.queue}`);
  }
}

@Injectable()
class Egg {
  constructor(@Inject(forwardRef(() => Hen)) readonly hen: object) {}

  @OnEvent('laid')
  laid(): void {
    calls.push('Egg');
  }
}

@Injectable()
class Hen {
  constructor(@Inject(forwardRef(() => Egg)) readonly egg: object) {}
}

const FACTORIES: Provider[] = [
  { provide: 'BY_VALUE', useValue: new Made('value') },
  { provide: 'BY_FACTORY', useFactory: () => new Other('factory') },
  {
    provide: Symbol('BY_FUNCTION'),
    useFactory: function make({ name }: Tenant) {
      return new Third(`function for ${name}`);
    },
    inject: [Tenant],
  },
  { provide: 'LATER', useFactory: () => Promise.resolve(new Fourth('promise')) },
  // None of these is a handler of its own.
  { provide: 'ALIAS', useExisting: North },
  { provide: 'HANDED_ON', useFactory: (north: North) => north, inject: [North] },
  { provide: 'NOTHING', useValue: null },
  { provide: 'A_CLASS', useValue: Made },
  { provide: 'A_LIST', useValue: [1, 2] },
  { provide: 'BARE', useValue: Object.create(null) },
];

@Module({ providers: [{ provide: 'SAME_TOKEN', useClass: North }] })
class NorthModule {}

@Module({ providers: [{ provide: 'SAME_TOKEN', useClass: South }] })
class SouthModule {}

describe('handlers of', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await openStage();
    await stage.start({
      providers: [
        Tenant,
        Single,
        PerRequest,
        AboveRequest,
        Transient,
        North,
        South,
        Odd,
        Egg,
        Hen,
        ...FACTORIES,
      ],
      controllers: [RequestController],
    });
  });

  afterAll(() => stage?.close());

  beforeEach(() => {
    calls.length = 0;
  });

  /** With the ids of the test's own events: those of the test before may still come in. */
  const callsOf = (name: string, count: number, ids: readonly string[] = ['']) =>
    eventually(() => {
      const found = calls.filter((call) => call.startsWith(name) && ids.some((id) => call.includes(id)));
      return found.length >= count && found;
    });

  const twice = async () => [await stage.publish('scoped'), await stage.publish('scoped')] as const;

  test('an ordinary provider run on its one instance', async () => {
    const [one, two] = await twice();
    const numbers = (await callsOf('Single', 2, [one, two])).map((call) => call.split(' '));
    expect(numbers.map(([, tenant, , id]) => `${tenant} ${id}`).sort()).toEqual(
      [`acme ${one}`, `acme ${two}`].sort(),
    );
    expect(new Set(numbers.map(([, , number]) => number)).size).toBe(1);
  });

  test.each([
    ['a request-scoped provider', 'PerRequest'],
    ['a provider above a request-scoped one', 'AboveRequest'],
    ['a transient provider', 'Transient'],
    ['a request-scoped controller', 'RequestController'],
  ])('%s run on a new instance for each event', async (_what, name) => {
    const ids = await twice();
    const numbers = (await callsOf(`${name} `, 2, ids)).map((call) => /\d+/.exec(call)?.[0]);
    expect(new Set(numbers).size).toBe(2);
    expect(numbers).not.toContain(undefined);
  });

  test('a request-scoped provider have the event’s context as REQUEST', async () => {
    const [one, two] = await twice();
    const found = await callsOf('PerRequest', 2, [one, two]);
    for (const id of [one, two])
      expect(found).toContainEqual(expect.stringMatching(new RegExp(`^PerRequest acme \\d+ ${id} true$`)));
    const controller = await callsOf('RequestController', 2, [one, two]);
    for (const id of [one, two]) expect(controller.join()).toContain(id);
  });

  test('a base class are handlers of each class that extends it, with queues of their own', async () => {
    await stage.publish('inherited', { n: 1 });
    await eventually(() => unscoped().length >= 2);
    expect(unscoped()).toEqual(['North.inherited 1', 'South.inherited 1']);
    await expect(stage.look(stage.queue('North.inherited'))).resolves.toBeTruthy();
    await expect(stage.look(stage.queue('South.inherited'))).resolves.toBeTruthy();
  });

  test('a base class give way to the method that overrides them, with its own decorator or none', async () => {
    await stage.publish('silenced');
    await stage.publish('overridden', { n: 1 });
    await stage.publish('overridden.south', { n: 2 });
    await eventually(() => unscoped().length >= 3);
    expect(unscoped()).toEqual(['North.overridden 1', 'North.silenced', 'South.overridden by its own 2']);
    await expect(stage.look(stage.queue('South.silenced'))).rejects.toThrow(/NOT_FOUND/);
  });

  test('a value, a factory of any kind, and what a factory promises', async () => {
    await stage.publish('made');
    await eventually(() => unscoped().length >= 4);
    expect(unscoped()).toEqual([
      'Made by factory',
      'Made by function for acme',
      'Made by promise',
      'Made by value',
    ]);
  });

  test('several decorators on one method have a queue each, in the order they are written', async () => {
    for (const type of ['odd.one', 'odd.two', 'odd.three', 'odd.four']) await stage.publish(type);
    await eventually(() => unscoped().length >= 4);
    const queue = stage.queue('Odd.several');
    expect(unscoped()).toEqual([
      `Odd 2 odd.four on ${queue}.3`,
      `Odd 2 odd.one on ${queue}`,
      `Odd 2 odd.three on ${queue}.2`,
      `Odd 2 odd.two on ${queue}.2`,
    ]);
  });

  test('a class with getters, symbols and fields are found without touching those', () => {
    expect(Odd.touched).toBe(false);
  });

  test('a class that depends on itself in a circle', async () => {
    await stage.publish('laid');
    expect(await callsOf('Egg', 1)).toEqual(['Egg']);
  });
});

describe('handlers in modules', () => {
  test('are told apart when two modules use one token for two classes', async () => {
    const stage = await openStage();
    calls.length = 0;
    await stage.start({ imports: [NorthModule, SouthModule] as Type[] });
    await stage.publish('inherited', { n: 5 });
    await eventually(() => unscoped().length >= 2);
    expect(unscoped()).toEqual(['North.inherited 5', 'South.inherited 5']);
    await stage.close();
  });
});
