/**
 * Turns payloads into bytes and back. The row stores the bytes and the relay never looks inside; the consuming side
 * picks the codec by the message's content type.
 */
export interface Codec {
  /** Media type of what `encode` makes, for example `application/json`. */
  readonly contentType: string;
  /** @throws for a payload it cannot carry without loss; the message of the error becomes part of ours. */
  encode(payload: unknown): Uint8Array;
  /** @throws when the bytes are not what `contentType` says. */
  decode(body: Buffer): unknown;
}

/** The codecs that come with the library. */
export type CodecName = 'json' | 'text' | 'bytes' | 'msgpack';
