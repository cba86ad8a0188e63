// npm run bench -- <name> [--pooler] [--json]: see docs/benchmarks.md
import { readdirSync } from 'node:fs';

const folder = new URL('./benches/', import.meta.url);
const names = readdirSync(folder).map((file) => file.replace(/\.mjs$/, ''));
const [name, ...flags] = process.argv.slice(2);

if (!names.includes(name)) {
  console.error(`Usage: npm run bench -- <${names.join('|')}> [--pooler] [--json]`);
  process.exit(2);
}

const { startServers } = await import('./servers.mjs');
const { Scope } = await import('./scope.mjs');
const { default: bench } = await import(new URL(`${name}.mjs`, folder).href);
const servers = await startServers({ pooler: flags.includes('--pooler') });
const scope = new Scope(servers);
try {
  const { figures, ratios = {} } = await bench(scope);
  console.log(`\n${name}:`);
  console.table(figures);
  if (Object.keys(ratios).length > 0) console.table(ratios);
  if (flags.includes('--json')) console.log(JSON.stringify({ bench: name, figures, ratios }));
} finally {
  await scope.end();
  await servers.stop();
}
