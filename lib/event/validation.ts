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
  if (hasValidatorRules(payload)) await assertByDecorators(type, payload);
  return schema ? bySchema(type, payload, schema) : payload;
}

/** Whether there is anything to check, so that events without rules pay nothing. */
export const needsValidation = (payload: unknown, schema: StandardSchemaV1 | undefined): boolean =>
  schema !== undefined || hasValidatorRules(payload);

async function bySchema(type: string, payload: unknown, schema: StandardSchemaV1): Promise<unknown> {
  const result = await schema['~standard'].validate(payload);
  if (!result.issues) return result.value;
  throw new InvalidPayloadError(
    type,
    result.issues.map(({ message, path = [] }) => ({
      message,
      path: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
    })),
  );
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
function hasValidatorRules(payload: unknown): payload is object {
  const storage = (globalThis as { classValidatorMetadataStorage?: ValidatorStorage })
    .classValidatorMetadataStorage;
  if (!storage || typeof payload !== 'object' || payload === null) return false;
  const { constructor } = (Object.getPrototypeOf(payload) ?? Object.prototype) as object;
  if (constructor === Object) return false;
  return storage.getTargetValidationMetadatas(constructor, '', false, false).length > 0;
}

interface ValidatorError {
  property: string;
  constraints?: Record<string, string>;
  children?: ValidatorError[];
}

async function assertByDecorators(type: string, payload: object): Promise<void> {
  const { validate } = createRequire(import.meta.url)('class-validator') as {
    validate(this: void, payload: object): Promise<ValidatorError[]>;
  };
  const issues = (await validate(payload)).flatMap((error) => issuesOf(error, ''));
  if (issues.length > 0) throw new InvalidPayloadError(type, issues);
}

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
