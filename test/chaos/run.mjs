// npm run chaos -- <name> [--seed n] [--events n] [--json]: see docs/chaos.md
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';

const folder = new URL('./scenarios/', import.meta.url);
const names = readdirSync(folder).map((file) => file.replace(/\.mjs$/, ''));
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, events: { type: 'string' }, json: { type: 'boolean' } },
});
const [name] = positionals;

if (!names.includes(name)) {
  console.error(`Usage: npm run chaos -- <${names.join('|')}> [--seed n] [--events n] [--json]`);
  process.exit(2);
}

const { play } = await import('./play.mjs');
const seed = Number(flags.seed ?? Math.floor(Math.random() * 1_000_000));
const { report, violations } = await play(new URL(`${name}.mjs`, folder), name, {
  seed,
  ...(flags.events && { events: Number(flags.events) }),
});
for (const violation of violations) console.error(violation);
if (flags.json) console.log(JSON.stringify(report));
else console.table(report);
process.exitCode = violations.length > 0 ? 1 : 0;
