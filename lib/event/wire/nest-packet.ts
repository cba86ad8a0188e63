import { asJson, type Encoded } from './format.js';

/** What `ClientProxy.emit()` of Nest puts on the wire, and `@EventPattern()` takes off it. */
export interface NestPacket {
  readonly pattern: unknown;
  readonly data: unknown;
}

/** @throws {TypeError} for a payload that is no JSON */
export function nestPacket(type: string, payload: Encoded): Buffer {
  const json = asJson(payload);
  if (!json) throw new TypeError(`can be 'nest' for a payload in JSON only, not in ${payload.contentType}`);
  return Buffer.concat([Buffer.from(`{"pattern":${JSON.stringify(type)},"data":`), json, Buffer.from('}')]);
}

/** Requests (`ClientProxy.send()`) have an `id` besides, and are none of our business. */
export function isNestPacket(value: unknown): value is NestPacket {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.keys(value).length === 2 && 'pattern' in value && 'data' in value;
}
