import { stopTracing } from './tracing.js';
import 'reflect-metadata';
import { readConfig, StartError } from './config.js';
import { startShop } from './shop.js';

try {
  const shop = startShop(readConfig(process.env, process.argv.slice(2)));
  // A signal that comes while the shop is starting waits for the start, then stops it. A second one ends the process at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(
      signal,
      () =>
        void shop
          .then((running) => running.close())
          .then(stopTracing)
          .catch(fail),
    );
  }
  await shop;
} catch (error) {
  fail(error);
}

function fail(error: unknown): void {
  console.error(error instanceof StartError ? error.message : error);
  process.exit(1);
}
