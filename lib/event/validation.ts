import { createRequire } from 'node:module';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidPayloadError, type PayloadIssue } from '../errors/invalid-payload.error.js';

/**
 * Checks an event by its schema, and by class-validator decorators on its class. Resolves to what is to be emitted:
 * the schema's result (with its defaults and transformations), else the payload itself.
 * @throws {InvalidPayloadError} naming every broken rule
 */
export async function validated(
  type: string,
  payload: unknown,
  schema: StandardSchemaV1 | undefined,
): Promise<unknown> {
  if (hasRules(payload)) {
    const issues = await brokenRules(payload);
    if (issues.length > 0) throw new InvalidPayloadError(type, issues);
  }
  if (!schema) return payload;
  const checked = await checkedBy(schema, payload);
  if ('issues' in checked) throw new InvalidPayloadError(type, checked.issues);
  return checked.value;
}

/** Whether there is anything to check, so that events without rules pay nothing. */
export const needsValidation = (payload: unknown, schema: StandardSchemaV1 | undefined): boolean =>
  schema !== undefined || hasRules(payload);

/** What a schema makes of a value, or what it has against it. */
export async function checkedBy(
  schema: StandardSchemaV1,
  value: unknown,
): Promise<{ readonly value: unknown } | { readonly issues: PayloadIssue[] }> {
  const result = await schema['~standard'].validate(value);
  if (!result.issues) return { value: result.value };
  return {
    issues: result.issues.map(({ message, path = [] }) => ({
      message,
      path: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
    })),
  };
}

interface ValidatorStorage {
  getTargetValidationMetadatas(
    target: unknown,
    schema: string,
    always: boolean,
    strictGroups: boolean,
  ): unknown[];
}

/** class-validator keeps its rules in one global place, which is there only if the application loaded it. */
export function classHasRules(type: unknown): boolean {
  const storage = (globalThis as { classValidatorMetadataStorage?: ValidatorStorage })
    .classValidatorMetadataStorage;
  if (!storage || type === Object) return false;
  return storage.getTargetValidationMetadatas(type, '', false, false).length > 0;
}

function hasRules(payload: unknown): payload is object {
  if (typeof payload !== 'object' || payload === null) return false;
  return classHasRules((Object.getPrototypeOf(payload) as object | null)?.constructor ?? Object);
}

interface ValidatorError {
  property: string;
  constraints?: Record<string, string>;
  children?: ValidatorError[];
}

/** What class-validator has against an instance of a class with rules. */
export async function brokenRules(payload: object): Promise<PayloadIssue[]> {
  const { validate } = (validator ??= loadValidator());
  return (await validate(payload)).flatMap((error) => issuesOf(error, ''));
}

interface Validator {
  validate(this: void, payload: object): Promise<ValidatorError[]>;
}

let validator: Validator | undefined;

/** An optional peer: who has rules has it. */
const loadValidator = () => createRequire(import.meta.url)('class-validator') as Validator;

function issuesOf(
  { property, constraints = {}, children = [] }: ValidatorError,
  parent: string,
): PayloadIssue[] {
  const path = parent ? `${parent}.${property}` : property;
  return [
    ...Object.values(constraints).map((message) => ({ path, message })),
    ...children.flatMap((child) => issuesOf(child, path)),
  ];
}
