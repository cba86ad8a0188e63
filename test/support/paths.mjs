import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../..', import.meta.url));

/** What is fetched once and kept between runs. */
export const cacheDirectory = path.resolve(process.env.OUTBOX_CACHE ?? path.join(repository, '.cache'));
