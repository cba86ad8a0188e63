import type { Codec } from '../codec.js';

/** Buffers and typed arrays as they are: no base64, no copy. They arrive as a Buffer. */
export const bytesCodec: Codec = {
  contentType: 'application/octet-stream',

  encode(payload) {
    if (!(payload instanceof Uint8Array))
      throw new TypeError(`the bytes codec takes a Buffer or a Uint8Array, got ${typeof payload}`);
    return payload;
  },

  decode: (body) => body,
};
