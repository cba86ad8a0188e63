import type { Codec } from '../codec.js';
import { isWellFormed } from '../well-formed.js';

/** A string as UTF-8. Lone surrogates have no UTF-8 form and are refused. */
export const textCodec: Codec = {
  contentType: 'text/plain',

  encode(payload) {
    if (typeof payload !== 'string')
      throw new TypeError(`the text codec takes a string, got ${typeof payload}`);
    if (!isWellFormed(payload))
      throw new TypeError('the text contains a lone surrogate, which UTF-8 cannot carry');
    return Buffer.from(payload);
  },

  decode: (body) => body.toString('utf8'),
};
