/** Calls `closed` for every channel that the broker closes, from the bytes it sends: for its own reasons, such as a 404. */
export function watchForChannelCloses(closed) {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    while (rest.length >= FRAME_HEADER) {
      const size = rest.readUInt32BE(3);
      if (rest.length < FRAME_HEADER + size + 1) return;
      const isMethod = rest[0] === 1;
      if (isMethod && rest.readUInt16BE(7) === CHANNEL && rest.readUInt16BE(9) === CLOSE) closed();
      rest = rest.subarray(FRAME_HEADER + size + 1);
    }
  };
}

/** Type, channel and size; after the payload comes one more byte. */
const FRAME_HEADER = 7;
const CHANNEL = 20;
const CLOSE = 40;
