import type { Delivery } from '../broker/subscriber.js';
import type { HandlerRunner } from './handler-runner.js';

/** While it waited, its channel may have gone: whoever has the message now will handle it. */
export async function stillOurs(
  admission: boolean | Promise<boolean>,
  runner: Pick<HandlerRunner, 'leave'>,
  { lost }: Pick<Delivery, 'lost'>,
): Promise<boolean> {
  const admitted = await admission;
  if (admitted && lost.aborted) runner.leave();
  return admitted && !lost.aborted;
}
