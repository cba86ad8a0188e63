import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

test('msgpackr is not needed by those who do not use it, and the codec says what to install to those who do', async () => {
  // A copy of the codec where Node finds no msgpackr.
  const folder = await mkdtemp(path.join(tmpdir(), 'without-msgpackr-'));
  try {
    await cp(new URL('../../../dist/lib', import.meta.url), path.join(folder, 'lib'), { recursive: true });
    await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
    const script = `
      import { msgpackCodec } from './lib/event/codecs/msgpack.js';
      try { msgpackCodec.encode({}); } catch (error) { console.log(error.message, '|', error.cause.code); }`;
    await writeFile(path.join(folder, 'run.mjs'), script);
    const { stdout } = await promisify(execFile)(process.execPath, [path.join(folder, 'run.mjs')]);
    expect(stdout.trim()).toBe(
      'the codec "msgpack" needs the package msgpackr (npm install msgpackr) | MODULE_NOT_FOUND',
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
