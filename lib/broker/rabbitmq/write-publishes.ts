import type { ConfirmChannel } from 'amqplib';
import type { FrameMemory } from './frame-memory.js';
import { encodePublishes, likelySize, type Publishes } from './publish-frames.js';

type Confirm = (error: Error | null) => void;

/** What amqplib's channels and connections consist of and its types do not tell. Looked for before it is used. */
interface ChannelInternals {
  readonly ch: number;
  readonly connection: {
    readonly frameMax: number;
    readonly channels: ReadonlyArray<
      { readonly buffer: { write(bytes: Buffer): boolean } } | null | undefined
    >;
    sentSinceLastCheck: boolean;
  };
  pushConfirmCallback(confirm: Confirm): void;
}

/**
 * Writes many publishes to a channel at once, in one buffer of `memory`, and has `answered` called for each as amqplib's
 * own `publish` would. Returns `false`, with nothing written, when that cannot be done: the channel has closed, amqplib is
 * built differently than we know it, or a message cannot be encoded. Publishing one by one then tells what is wrong.
 */
export function writePublishes(
  channel: ConfirmChannel,
  requests: Publishes,
  memory: FrameMemory,
  answered: (index: number, error: Error | null) => void,
): boolean {
  const internals = channel as unknown as ChannelInternals;
  const buffer = internals.connection?.channels?.[internals.ch]?.buffer;
  const known = typeof internals.pushConfirmCallback === 'function' && internals.connection?.frameMax > 0;
  if (!buffer || !known) return false;
  const bytes = tryEncode(requests, internals, memory.room(likelySize(requests)));
  if (!bytes) return false;
  const free = memory.hold(bytes);
  let open = requests.length;
  for (let index = 0; index < requests.length; index++) {
    internals.pushConfirmCallback((error) => {
      // Only an answer of the broker's tells that it has the bytes: those of a lost channel may still be on their way.
      if (error === null && --open === 0) free();
      answered(index, error);
    });
  }
  internals.connection.sentSinceLastCheck = true;
  buffer.write(bytes);
  return true;
}

function tryEncode(
  requests: Publishes,
  { ch, connection }: ChannelInternals,
  memory: Buffer,
): Buffer | undefined {
  try {
    return encodePublishes(requests, ch, connection.frameMax, memory);
  } catch {
    return undefined;
  }
}
