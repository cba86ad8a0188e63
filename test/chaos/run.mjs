// npm run chaos -- <name> [--seed n] [--json] …: see docs/chaos.md
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';

const folder = new URL('./scenarios/', import.meta.url);
const names = readdirSync(folder).map((file) => file.replace(/\.mjs$/, ''));
/** Numbers that a scenario goes by; each has its own defaults. */
const SETTINGS = ['events', 'seconds', 'rate', 'patience'];
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    pooler: { type: 'boolean' },
    ...Object.fromEntries(['seed', ...SETTINGS].map((setting) => [setting, { type: 'string' }])),
  },
});
const [name] = positionals;

if (!names.includes(name)) {
  console.error(
    `Usage: npm run chaos -- <${names.join('|')}> [--seed n] [--events n] [--seconds n] [--rate n] [--patience n] [--pooler] [--json]`,
  );
  process.exit(2);
}

process.env.NO_COLOR = '1';
const { play } = await import('./play.mjs');
const given = SETTINGS.filter((setting) => flags[setting] !== undefined);
const { report, violations } = await play(new URL(`${name}.mjs`, folder), name, {
  seed: Number(flags.seed ?? Math.floor(Math.random() * 1_000_000)),
  pooler: flags.pooler,
  ...Object.fromEntries(given.map((setting) => [setting, Number(flags[setting])])),
});
for (const violation of violations) console.error(violation);
if (flags.json) console.log(JSON.stringify(report));
else console.table(report);
process.exitCode = violations.length > 0 ? 1 : 0;
