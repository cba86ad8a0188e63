/**
 * How an event looks on the wire. `'plain'`: the payload, and what is known of it in properties and headers. `'nest'`:
 * `{ pattern, data }`, which `@EventPattern()` of a stock Nest microservice takes. `'cloudevents'`: CloudEvents 1.0 in
 * binary mode, the attributes in headers. `'cloudevents-structured'`: all of it one JSON document.
 */
export type WireFormat = (typeof wireFormats)[number];

export const wireFormats = ['plain', 'nest', 'cloudevents', 'cloudevents-structured'] as const;

/** An encoded payload. */
export interface Encoded {
  readonly body: Buffer;
  readonly contentType: string;
  /** Known to be well-formed: it was encoded by a codec of this library. */
  readonly wellFormed: boolean;
}

/** The payload as JSON that can be put into other JSON as it is; `undefined` when it is none. */
export function asJson({ body, contentType, wellFormed }: Encoded): Buffer | undefined {
  if (!isJson(contentType)) return undefined;
  return wellFormed || parses(body) ? body : undefined;
}

/** RFC 6839: `application/vnd.acme.order+json` is JSON. */
export const isJson = (contentType: string): boolean =>
  /^application\/(.+\+)?json\s*(;|$)/i.test(contentType);

function parses(body: Buffer): boolean {
  try {
    JSON.parse(body.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
