// `npm test`: builds, checks types, runs jest with the arguments given. OUTBOX_SKIP_BUILD=1 goes to jest at once.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { unmatchedTestFiles } from './support/test-file-names.mjs';

const repository = fileURLToPath(new URL('..', import.meta.url));
const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js'];

const unmatched = unmatchedTestFiles(repository);
if (unmatched.length > 0) {
  console.error(
    `Jest would not run these files; tests are named test/**/*.spec.ts:\n  ${unmatched.join('\n  ')}`,
  );
  process.exit(1);
}
if (!process.env.OUTBOX_SKIP_BUILD) {
  const codes = await Promise.all([
    run('npm', ['run', '--silent', 'build']),
    run('npm', ['run', '--silent', 'typecheck']),
  ]);
  if (codes.some((code) => code !== 0)) process.exit(1);
}
process.exitCode = await run(process.execPath, [...jest, ...process.argv.slice(2)]);

async function run(command, args) {
  const shell = process.platform === 'win32' && command === 'npm';
  const child = spawn(command, args, { cwd: path.resolve(repository), stdio: 'inherit', shell });
  const [code] = await once(child, 'exit');
  return code ?? 1;
}
