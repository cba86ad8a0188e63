// npm run bench -- <name> [--json]: see docs/benchmarks.md
import { readdirSync } from 'node:fs';

const folder = new URL('./benches/', import.meta.url);
const names = readdirSync(folder).map((file) => file.replace(/\.mjs$/, ''));
const [name, ...flags] = process.argv.slice(2);

if (!names.includes(name)) {
  console.error(`Usage: npm run bench -- <${names.join('|')}> [--json]`);
  process.exit(2);
}

const { startServers } = await import('./servers.mjs');
const { default: bench } = await import(new URL(`${name}.mjs`, folder).href);
const servers = await startServers();
try {
  const { figures, ratios } = await bench(servers);
  console.log(`\n${name}:`);
  console.table(figures);
  console.table(ratios);
  if (flags.includes('--json')) console.log(JSON.stringify({ bench: name, figures, ratios }));
} finally {
  await servers.stop();
}
