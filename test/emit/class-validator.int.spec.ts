import { expect, test } from '@jest/globals';
import { Type } from 'class-transformer';
import {
  IsArray,
  IsEmail,
  IsInt,
  IsPositive,
  Min,
  registerDecorator,
  ValidateNested,
  type ValidationOptions,
} from 'class-validator';
import { InvalidPayloadError, OutboxEvent } from 'nestjs-rabbitmq-outbox';
import { z } from 'zod';
import { useWritingApp } from './writing-app.js';

const { outbox, payloads, inTransaction, refusalOf } = useWritingApp();

async function issuesOf(event: object): Promise<Array<[path: string, message: string]>> {
  const refusal = await refusalOf((manager) => outbox().emit(manager, event));
  expect(refusal).toBeInstanceOf(InvalidPayloadError);
  const { issues, message } = refusal as InvalidPayloadError;
  for (const issue of issues) expect(message).toContain(issue.message);
  return issues.map((issue) => [issue.path, issue.message]);
}

const emitted = async (event: object) => {
  await inTransaction((manager) => outbox().emit(manager, event));
  return (await payloads()).at(-1);
};

class Address {
  constructor(email: unknown) {
    this.email = email as string;
  }
  @IsEmail()
  readonly email: string;
}

/** A rule that asks somebody else. */
const NotBlocked = (options?: ValidationOptions) => (target: object, propertyName: string) =>
  registerDecorator({
    name: 'notBlocked',
    target: target.constructor,
    propertyName,
    ...(options && { options }),
    validator: {
      validate: (value: unknown) => Promise.resolve(value !== 13),
      defaultMessage: () => 'price is blocked',
    },
  });

@OutboxEvent('order.checked')
class Checked {
  constructor(price: number, customer: unknown, ...copies: unknown[]) {
    this.price = price;
    this.customer = new Address(customer);
    this.copies = copies.map((copy) => new Address(copy));
  }

  @IsInt()
  @IsPositive()
  @NotBlocked()
  readonly price: number;

  @ValidateNested()
  @Type(() => Address)
  readonly customer: Address;

  @IsArray()
  @ValidateNested({ each: true })
  readonly copies: Address[];
}

class StricterChecked extends Checked {
  @Min(100)
  override readonly price: number = 50;
}

test('class-validator lets pass what follows the decorators', async () => {
  expect(await emitted(new Checked(5, 'a@b.cd', 'e@f.gh'))).toEqual({
    price: 5,
    customer: { email: 'a@b.cd' },
    copies: [{ email: 'e@f.gh' }],
  });
});

test('class-validator refuses what breaks them, at any depth, with every broken rule and its path', async () => {
  const issues = await issuesOf(new Checked(-0.5, 'nobody', 'a@b.cd', 'nor', 'they'));
  expect(new Set(issues)).toEqual(
    new Set([
      ['copies.1.email', 'email must be an email'],
      ['copies.2.email', 'email must be an email'],
      ['customer.email', 'email must be an email'],
      ['price', 'price must be a positive number'],
      ['price', 'price must be an integer number'],
    ]),
  );
});

test('class-validator waits for rules that ask somebody else', async () => {
  expect(await issuesOf(new Checked(13, 'a@b.cd'))).toEqual([['price', 'price is blocked']]);
});

test('class-validator applies the rules of the classes a class extends', async () => {
  const issues = await issuesOf(new StricterChecked(-1, 'nobody'));
  expect(issues.map(([path]) => path).sort()).toEqual(['customer.email', 'price']);
});

test('class-validator checks payloads emitted by type, too, if their class has rules', async () => {
  const refusal = await refusalOf((manager) => outbox().emit(manager, 'a.typed', new Address('nobody')));
  expect(refusal).toMatchObject({ code: 'OUTBOX_INVALID_PAYLOAD', issues: [{ path: 'email' }] });
});

test('class-validator goes before the schema, if a class has both', async () => {
  @OutboxEvent('a.both', { schema: z.object({ email: z.string().toUpperCase() }) })
  class Both extends Address {}
  expect(await issuesOf(new Both('nobody'))).toEqual([['email', 'email must be an email']]);
  expect(await emitted(new Both('a@b.cd'))).toEqual({ email: 'A@B.CD' });
});

test.each<[string, unknown]>([
  ['a plain object', { email: 'nobody' }],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { email: 'nobody' })],
  ['an object with a constructor of its own', { constructor: 'Ford', email: 'nobody' }],
  [
    'an instance of a class without rules',
    new (class Free {
      readonly email = 'nobody';
    })(),
  ],
  ['a list of instances', [new Address('nobody')]],
  ['text', 'nobody'],
  ['null', null],
])('class-validator has nothing to say of %s', async (_, payload) => {
  await inTransaction((manager) => outbox().emit(manager, 'a.free', payload));
  expect(await payloads()).toEqual([JSON.parse(JSON.stringify(payload))]);
});
