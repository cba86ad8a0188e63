import { TopologyForbiddenError } from '../../errors/topology-forbidden.error.js';
import { TopologyMismatchError } from '../../errors/topology-mismatch.error.js';

const ACCESS_REFUSED = 403;
const PRECONDITION_FAILED = 406;

/** What RabbitMQ says to a declaration, as an error that tells what to do; others stay as they are. */
export const declarationError = (error: unknown): unknown => mismatchOf(error) ?? forbiddenOf(error) ?? error;

const INEQUIVALENT =
  /inequivalent arg '(.+?)' for (queue|exchange) '(.+?)' in vhost '.*?': received (.+?) but current is (.+?)"?$/;

/** RabbitMQ tells what differs in the text of its 406 only. */
function mismatchOf(error: unknown): TopologyMismatchError | undefined {
  const { code, message = '' } = error as { code?: number; message?: string };
  if (code !== PRECONDITION_FAILED) return undefined;
  const [, argument, kind, name, declared, actual] = INEQUIVALENT.exec(message) ?? [];
  if (!argument || !name || !declared || !actual) return undefined;
  return new TopologyMismatchError(
    { kind: kind as 'queue' | 'exchange', name, argument, declared: plain(declared), actual: plain(actual) },
    { cause: error },
  );
}

function forbiddenOf(error: unknown): TopologyForbiddenError | undefined {
  const { code, message = '' } = error as { code?: number; message?: string };
  if (code !== ACCESS_REFUSED) return undefined;
  const answer = /"(ACCESS_REFUSED.*)"/.exec(message)?.[1] ?? message;
  return new TopologyForbiddenError(answer, { cause: error });
}

/** `the value '5000' of type 'signedint'` → `5000` */
const plain = (text: string) => /'(.*?)'/.exec(text)?.[1] ?? text;
