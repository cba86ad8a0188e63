// graphile-worker: a job per event, which publishes it. Fetched 500 at a time and completed in batches, as its page on
// performance advises; more jobs at once, or a longer wait for completions, made it no faster here.
import { Logger, makeWorkerUtils, run as startWorker } from 'graphile-worker';
import { openPublisher } from './publisher.mjs';

let publisher;
let utils;
let preset;

export async function start(site) {
  publisher = await openPublisher(site);
  preset = {
    connectionString: site.databaseUrl,
    schema: site.schema,
    maxPoolSize: 10,
    concurrentJobs: 500,
    pollInterval: 100,
    localQueue: { size: 500 },
    completeJobBatchDelay: 250,
    failJobBatchDelay: 250,
    logger: new Logger(() => () => undefined),
  };
  utils = await makeWorkerUtils({ preset: { worker: preset } });
  await utils.migrate();
}

/** Jobs per second: all of them are there when the worker starts. */
export async function run(jobs, bytes) {
  const payload = { body: 'x'.repeat(bytes) };
  for (let i = 0; i < jobs; i += 5_000) {
    const specs = Array.from({ length: Math.min(5_000, jobs - i) }, () => ({
      identifier: 'publish',
      payload,
    }));
    await utils.addJobs(specs);
  }
  let started;
  let ended;
  let done = 0;
  const publish = async ({ body }, { job }) => {
    started ??= performance.now();
    await publisher.publish(job.id, Buffer.from(body));
    if (++done === jobs) ended();
  };
  const finished = new Promise((resolve) => (ended = () => resolve(performance.now())));
  const worker = await startWorker({
    preset: { worker: preset },
    taskList: { publish },
    noHandleSignals: true,
  });
  const seconds = ((await finished) - started) / 1000;
  await worker.stop();
  return jobs / seconds;
}

export async function close() {
  await utils.release();
  await publisher.close();
}
