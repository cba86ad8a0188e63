import type { ConfirmChannel } from 'amqplib';
import { encodePublishes, type Publishes } from './publish-frames.js';

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
 * Writes many publishes to a channel at once, in one buffer, and has `confirmOf(i)` called for each as amqplib's own
 * `publish` would. Returns `false`, with nothing written, when that cannot be done: the channel has closed, amqplib is
 * built differently than we know it, or a message cannot be encoded. Publishing one by one then tells what is wrong.
 */
export function writePublishes(
  channel: ConfirmChannel,
  requests: Publishes,
  confirmOf: (index: number) => Confirm,
): boolean {
  const internals = channel as unknown as ChannelInternals;
  const buffer = internals.connection?.channels?.[internals.ch]?.buffer;
  const known = typeof internals.pushConfirmCallback === 'function' && internals.connection?.frameMax > 0;
  if (!buffer || !known) return false;
  const bytes = tryEncode(requests, internals);
  if (!bytes) return false;
  for (let index = 0; index < requests.length; index++) internals.pushConfirmCallback(confirmOf(index));
  internals.connection.sentSinceLastCheck = true;
  buffer.write(bytes);
  return true;
}

function tryEncode(requests: Publishes, { ch, connection }: ChannelInternals): Buffer | undefined {
  try {
    return encodePublishes(requests, ch, connection.frameMax);
  } catch {
    return undefined;
  }
}
