import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

interface Rule {
  name: string;
  from: { path?: string };
  to: { pathNot?: string };
}

const repository = fileURLToPath(new URL('../..', import.meta.url));
const CONFIG = '.dependency-cruiser.cjs';
const rules = (createRequire(import.meta.url)(path.join(repository, CONFIG)) as { forbidden: Rule[] })
  .forbidden;
const DIRECTION = /^(.+)-points-down$/;
const rooms = rules.flatMap(({ name }) => DIRECTION.exec(name)?.[1] ?? []);

/** A file that breaks the rule, and what is in it. The rules of direction get theirs below. */
const BREAKS: Record<string, [file: string, source: string]> = {
  'unknown-room': ['lib/helpers/breaks.ts', "import '../errors/thing.js';"],
  'no-cycles': [
    'lib/event/cycle-back.ts',
    "import type { there } from './cycle.js';\nexport const back = 1;",
  ],
  'index-is-for-users': ['lib/relay/barrel.ts', "import '../index.js';"],
  'module-is-on-top': ['lib/relay/module.ts', "import type { thing } from '../outbox.module.js';"],
  'tokens-are-for-faces': ['lib/relay/token.ts', "import type { thing } from '../outbox.tokens.js';"],
  'optional-peers-behind-faces': [
    'lib/observe/early.ts',
    "import { Registry } from 'prom-client';\nvoid Registry;",
  ],
  'contracts-only': ['lib/relay/inside.ts', "import type { thing } from '../broker/rabbitmq/thing.js';"],
  'nest-is-known-by-few': ['lib/relay/core.ts', "import type { ModuleRef } from '@nestjs/core';"],
  'microservices-are-optional': [
    'lib/consume/rpc.ts',
    "import type { Server } from '@nestjs/microservices';",
  ],
  'nest-by-type-only': ['lib/relay/logs.ts', "import { Logger } from '@nestjs/common';\nnew Logger();"],
  'typeorm-is-the-database': [
    'lib/relay/sql.ts',
    "import { DataSource } from 'typeorm';\nnew DataSource({} as never);",
  ],
  'amqp-is-the-broker': ['lib/consume/amqp.ts', "import { connect } from 'amqplib';\nvoid connect('');"],
  'ground-does-no-io': ['lib/policy/clock.ts', "import { readFileSync } from 'node:fs';\nreadFileSync('');"],
  'faces-are-nobody’s': ['lib/outbox.assembly.ts', "import './testing/thing.js';"],
  'library-stands-alone': ['lib/relay/tested.ts', "import '../../test/thing.js';"],
  'library-uses-what-it-declares': ['lib/store/dev.ts', "import pg from 'pg';\nvoid pg;"],
  'no-unresolvable': ['lib/store/typo.ts', "import './nowhere.js';"],
  'no-dead-files': ['lib/event/forgotten.ts', 'export const forgotten = 1;'],
  'sample-imports-the-package': ['sample-app/src/inside.ts', "import '../../lib/index.js';"],
};

/** What others import, and code that keeps every rule: types of Nest, the package by its name. */
const GOOD: Record<string, string> = {
  ...Object.fromEntries(rooms.map((room) => [`lib/${room}/thing.ts`, 'export const thing = 1;'])),
  'lib/broker/rabbitmq/thing.ts': 'export const thing = 1;',
  'lib/event/cycle.ts': "import type { back } from './cycle-back.js';\nexport const there = 1;",
  'lib/outbox.module.ts': "import { Module } from '@nestjs/common';\nexport const thing = Module;",
  'lib/relay/fine.ts': [
    "import type { Logger } from '@nestjs/common';",
    "import type { thing as store } from '../store/thing.js';",
    "import { thing as event } from '../event/thing.js';",
    'export type Fine = [Logger, typeof store, typeof event];',
  ].join('\n'),
  'lib/outbox.tokens.ts': 'export const thing = 1;',
  'lib/index.ts': "export { thing } from './outbox.module.js';\nexport type { Fine } from './relay/fine.js';",
  'test/thing.ts': 'export const thing = 1;',
  'sample-app/src/main.ts': "import 'nestjs-rabbitmq-outbox';",
};

describe('the rules of dependency direction', () => {
  let root: string;
  let violations: Set<string>;

  beforeAll(() => {
    root = mkdtempSync(path.join(tmpdir(), 'dependency-rules-'));
    for (const file of [CONFIG, 'tsconfig.json', 'package.json'])
      copyFileSync(path.join(repository, file), path.join(root, file));
    symlinkSync(path.join(repository, 'node_modules'), path.join(root, 'node_modules'));
    for (const [file, source] of Object.entries(GOOD)) write(file, source);
    for (const [file, source] of Object.values(BREAKS)) write(file, source);
    for (const room of rooms) write(...upward(room));
    violations = cruise();
  });

  afterAll(() => rmSync(root, { recursive: true }));

  test.each(rooms)('refuse an import, even of a type, from lib/%s into a room it must not know', (room) => {
    const [file] = upward(room);
    expect(violations).toContain(`${room}-points-down ${file}`);
  });

  test.each(rules.map(({ name }) => name).filter((name) => !DIRECTION.test(name)))('notice %s', (name) => {
    const [file] = BREAKS[name] ?? ['a file in BREAKS'];
    expect(violations).toContain(`${name} ${file}`);
  });

  test('let code pass that keeps them', () => {
    const blamed = [...violations].map((violation) => violation.split(' ')[1]);
    for (const file of ['lib/relay/fine.ts', 'lib/outbox.module.ts', 'sample-app/src/main.ts'])
      expect(blamed).not.toContain(file);
  });

  /** The first room that is not below `room`. */
  function upward(room: string): [file: string, source: string] {
    const allowed = rules.find(({ name }) => name === `${room}-points-down`)?.to.pathNot ?? '';
    const above = rooms.find((other) => !new RegExp(allowed).test(`lib/${other}/`));
    return [
      `lib/${room}/up.ts`,
      `import type { thing } from '../${above}/thing.js';\nexport type Up = typeof thing;`,
    ];
  }

  function write(file: string, source: string): void {
    const target = path.join(root, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, `${source}\n`);
  }

  /** `rule file` of every violation. */
  function cruise(): Set<string> {
    const cli = path.join(repository, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const output = execFileSync(process.execPath, [cli, '--output-type', 'json', 'lib', 'sample-app'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    const { summary } = JSON.parse(output) as {
      summary: { violations: Array<{ rule: { name: string }; from: string }> };
    };
    return new Set(summary.violations.map(({ rule, from }) => `${rule.name} ${from}`));
  }
});
