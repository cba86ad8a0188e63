import type { Codec } from '../codec.js';

/** A string as UTF-8. Lone surrogates have no UTF-8 form and are refused. */
export const textCodec: Codec = {
  contentType: 'text/plain',

  encode(payload) {
    if (typeof payload !== 'string')
      throw new TypeError(`the text codec takes a string, got ${typeof payload}`);
    const bytes = Buffer.from(payload);
    if (bytes.toString('utf8') !== payload)
      throw new TypeError('the text contains a lone surrogate, which UTF-8 cannot carry');
    return bytes;
  },

  decode: (body) => body.toString('utf8'),
};
