/**
 * For the Docker image. What the shop needs at run time are peers of the library and tools of the sample, so this
 * repository has it as development dependencies. Here it becomes dependencies, for `npm prune --omit=dev` to keep.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const OF_THE_SAMPLE = [
  '@nestjs/cqrs',
  '@nestjs/platform-express',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/instrumentation-http',
  '@opentelemetry/instrumentation-pg',
  '@opentelemetry/sdk-trace-node',
  'class-transformer',
  'class-validator',
  'pg',
];

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
for (const name of [...Object.keys(manifest.peerDependencies), ...OF_THE_SAMPLE]) {
  manifest.dependencies[name] = manifest.devDependencies[name];
  delete manifest.devDependencies[name];
}
writeFileSync('package.json', JSON.stringify(manifest, null, 2));
