import { TopologyMismatchError } from '../../errors/topology-mismatch.error.js';

const PRECONDITION_FAILED = 406;

const INEQUIVALENT =
  /inequivalent arg '(.+?)' for (queue|exchange) '(.+?)' in vhost '.*?': received (.+?) but current is (.+?)"?$/;

/** RabbitMQ tells what differs in the text of its 406 only. */
export function mismatchOf(error: unknown): TopologyMismatchError | undefined {
  const { code, message = '' } = error as { code?: number; message?: string };
  if (code !== PRECONDITION_FAILED) return undefined;
  const [, argument, kind, name, declared, actual] = INEQUIVALENT.exec(message) ?? [];
  if (!argument || !name || !declared || !actual) return undefined;
  return new TopologyMismatchError(
    { kind: kind as 'queue' | 'exchange', name, argument, declared: plain(declared), actual: plain(actual) },
    { cause: error },
  );
}

/** `the value '5000' of type 'signedint'` → `5000` */
const plain = (text: string) => /'(.*?)'/.exec(text)?.[1] ?? text;
