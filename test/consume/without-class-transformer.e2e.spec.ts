import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const node = (...args: string[]) => promisify(execFile)(process.execPath, args);

test.each([
  ['with class-transformer', []],
  ['without class-transformer', ['--require', fixture('hide-class-transformer.cjs')]],
])('%s a payload becomes an instance of the parameter’s class', async (_how, options) => {
  const { stdout } = await node(...options, fixture('make-instances.mjs'));
  expect(JSON.parse(stdout)).toEqual({
    transformer: options.length === 0,
    label: '7 in EUR',
    is: true,
    polluted: false,
  });
});
