import { describeValue } from '../../errors/describe-value.js';
import { UndecodableMessageError } from '../../errors/undecodable-message.error.js';
import { UnserializablePayloadError } from '../../errors/unserializable-payload.error.js';
import type { Codec, CodecName } from '../codec.js';
import { bytesCodec } from './bytes.js';
import { jsonCodec } from './json.js';
import { msgpackCodec } from './msgpack.js';
import { textCodec } from './text.js';

const BUILT_IN: Readonly<Record<CodecName, Codec>> = {
  json: jsonCodec,
  text: textCodec,
  bytes: bytesCodec,
  msgpack: msgpackCodec,
};

/** A payload as bytes, and what made them. */
export interface EncodedPayload {
  readonly body: Buffer;
  readonly codec: Codec;
}

export const codecNames = Object.keys(BUILT_IN) as CodecName[];

export const isCodec = (value: unknown): value is Codec =>
  typeof value === 'object' &&
  value !== null &&
  isMediaType((value as Codec).contentType) &&
  typeof (value as Codec).encode === 'function' &&
  typeof (value as Codec).decode === 'function';

const isMediaType = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= 255 && /^[^\s/;]+\/[^\s/;]+(;|$)/.test(value);

/** The codecs of one module: those that come with the library, and the user's own. */
export class Codecs {
  private readonly byMediaType: ReadonlyMap<string, Codec>;

  constructor(
    private readonly standard: Codec | CodecName = 'json',
    own: readonly Codec[] = [],
  ) {
    const codecs = [...Object.values(BUILT_IN), ...own, ...(isCodec(standard) ? [standard] : [])];
    this.byMediaType = new Map(codecs.map((codec) => [mediaTypeOf(codec.contentType), codec]));
  }

  /**
   * Encodes by the codec asked for, else by the module's; bytes always travel as they are unless a codec is asked for.
   * @throws {UnserializablePayloadError} when the codec refuses the payload
   */
  encode(type: string, payload: unknown, asked?: Codec | CodecName): EncodedPayload {
    const codec = resolve(asked ?? (payload instanceof Uint8Array ? 'bytes' : this.standard));
    try {
      return { body: bufferOf(codec.encode(payload)), codec };
    } catch (error) {
      throw new UnserializablePayloadError(type, firstLine(error), { cause: error });
    }
  }

  /** Whether what the codec wrote may travel under this content type. Bytes, and codecs of your own, may be anything. */
  fits(contentType: string, codec: Codec): boolean {
    return (
      codec === bytesCodec || !Object.values(BUILT_IN).includes(codec) || this.for(contentType) === codec
    );
  }

  /**
   * The payload of a message by its content type. Without one it is taken for JSON; of an unknown one it stays a Buffer.
   * @throws {UndecodableMessageError} when the body is not what the content type says
   */
  decode(body: Buffer, contentType = 'application/json'): unknown {
    const codec = this.for(contentType);
    try {
      return codec.decode(isText(codec) ? inUtf8(body, contentType) : body);
    } catch (error) {
      throw new UndecodableMessageError(contentType, firstLine(error), { cause: error });
    }
  }

  private for(contentType: string): Codec {
    const mediaType = mediaTypeOf(contentType);
    return this.byMediaType.get(mediaType) ?? bySuffix(mediaType);
  }
}

const resolve = (codec: Codec | CodecName): Codec => (typeof codec === 'string' ? BUILT_IN[codec] : codec);

/** RFC 6839: `application/vnd.acme.order+json` is JSON. */
function bySuffix(mediaType: string): Codec {
  if (mediaType.endsWith('+json')) return jsonCodec;
  if (mediaType.endsWith('+msgpack') || mediaType === 'application/x-msgpack') return msgpackCodec;
  return mediaType.startsWith('text/') ? textCodec : bytesCodec;
}

const mediaTypeOf = (contentType: string): string => (contentType.split(';')[0] ?? '').trim().toLowerCase();

const isText = (codec: Codec): boolean => codec === jsonCodec || codec === textCodec;

/** What others publish may be in another charset, and say so: `text/plain; charset=iso-8859-1`. */
function inUtf8(body: Buffer, contentType: string): Buffer {
  const charset = /;\s*charset="?([^\s";]+)/i.exec(contentType)?.[1]?.toLowerCase() ?? 'utf-8';
  return /^(utf-?8|us-ascii)$/.test(charset) ? body : Buffer.from(new TextDecoder(charset).decode(body));
}

function bufferOf(bytes: unknown): Buffer {
  if (!(bytes instanceof Uint8Array))
    throw new TypeError(`the codec made ${describeValue(bytes)} of it, not bytes`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : `it threw ${String(error)}`).split('\n')[0] ?? 'unknown reason';
