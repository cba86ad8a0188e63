import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ModuleProcess } from './module-process.mjs';

const COUNTER = new URL('module-process/fixtures/counter.mjs', import.meta.url);

describe('a module in a process of its own', () => {
  let counter: ModuleProcess;

  beforeEach(() => {
    counter = new ModuleProcess(COUNTER);
  });
  afterEach(() => counter.end());

  test('answers each call, and keeps what it knows between them', async () => {
    expect(await Promise.all([counter.call('add', 2), counter.call('add', 3)])).toEqual([2, 5]);
  });

  test('hands on the error of a call', async () => {
    await expect(counter.call('fail')).rejects.toMatchObject({
      name: 'RangeError',
      code: 'FAR',
      message: 'too far',
    });
    await expect(counter.call('missing')).rejects.toThrow('exports no function "missing"');
  });

  test('rejects what it can no longer answer when it is killed, and every later call', async () => {
    await counter.call('add', 1);
    const never = counter.call('never').catch((error: unknown) => error);
    await counter.signal('SIGKILL');
    expect(String(await never)).toContain('ended (SIGKILL) before it answered "never"');
    expect(counter.running).toBe(false);
    await expect(counter.call('add', 1)).rejects.toThrow('has ended');
  });

  test('does not outlive its owner, even frozen while its owner is killed', async () => {
    const script = `
      import { ModuleProcess } from ${JSON.stringify(new URL('module-process.mjs', import.meta.url).href)};
      const counter = new ModuleProcess(${JSON.stringify(COUNTER.href)});
      await counter.call('add', 1);
      await counter.signal('SIGSTOP');
      console.log('frozen');
      await new Promise((resolve) => setTimeout(resolve, 60_000));`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output = createInterface({ input: owner.stdout });
    await once(output, 'line');
    const closed = once(output, 'close');
    owner.kill('SIGKILL');
    // The frozen process has the other end of this output, too.
    await expect(closed).resolves.toBeDefined();
  });
});
