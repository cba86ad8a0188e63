/**
 * The direction of dependencies: arrows point down only. `npm run lint` checks it; `import type` counts like any other.
 *
 *   faces (dashboard, cli, microservices, testing)
 *   admin, observe
 *   emit, relay, consume       never each other
 *   store, broker, options
 *   lifecycle
 *   event, policy
 *   errors
 *
 * `outbox.module.ts` and `outbox.assembly.ts` stand above all rooms and wire them together.
 */
const GROUND = ['event', 'policy', 'errors'];
/** Where the rooms tell what happens. */
const BASE = ['lifecycle', ...GROUND];
const PARTS = ['store', 'broker', 'options', ...BASE];
const ROLES = ['emit', 'relay', 'consume', ...PARTS];

/** A room → the rooms it may import, besides itself. */
const ROOMS = {
  errors: [],
  policy: ['errors'],
  event: ['errors'],
  lifecycle: GROUND,
  options: GROUND,
  store: GROUND,
  broker: BASE,
  // Emit and relay meet in the store, relay and consume at the broker.
  emit: ['store', ...BASE],
  relay: ['store', 'broker', ...BASE],
  consume: ['store', 'broker', 'options', ...BASE],
  admin: ROLES,
  observe: ROLES,
  dashboard: ['admin', 'observe', ...ROLES],
  cli: ['admin', 'observe', ...ROLES],
  microservices: ROLES,
  testing: ['admin', 'observe', ...ROLES],
};

/** Each behind an entry of package.json's exports of its own, with peers that not everybody has. */
const OPTIONAL = '^lib/(dashboard|cli|microservices|testing|observe/(prometheus|opentelemetry|terminus))/';

/** What package.json exports. */
const FACES =
  '^lib/(index|(testing|dashboard|microservices|observe/(prometheus|opentelemetry|terminus))/index|cli/outbox)\\.ts$';

const anyOf = (names) => `(${names.join('|')})`;
const room = (...names) => `^lib/${anyOf(names)}/`;
const npm = (...names) => `(^|/)node_modules/${anyOf(names)}/`;

const direction = Object.entries(ROOMS).map(([name, below]) => ({
  name: `${name}-points-down`,
  comment: `lib/${name} may import ${['itself', ...below].join(', ')}`,
  severity: 'error',
  from: { path: room(name) },
  to: { path: '^lib/[^/]+/', pathNot: room(name, ...below) },
}));

module.exports = {
  forbidden: [
    ...direction,
    {
      name: 'unknown-room',
      comment: 'A new folder in lib/ needs its line in ROOMS',
      severity: 'error',
      from: { path: '^lib/[^/]+/', pathNot: room(...Object.keys(ROOMS)) },
      to: {},
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'index-is-for-users',
      comment: 'Inside the library, import the file, never a barrel',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^lib/.*\\bindex\\.ts$' },
    },
    {
      name: 'module-is-on-top',
      comment:
        'Rooms get what they need through constructors; only the module and its assembly know all of them. The command ' +
        'is an application of its own, and assembles an outbox as the module does',
      severity: 'error',
      from: { path: '^lib/[^/]+/', pathNot: '^lib/cli/operator\\.ts$' },
      to: { path: '^lib/[^/]+\\.ts$', pathNot: '^lib/(index|outbox\\.tokens)\\.ts$' },
    },
    {
      name: 'tokens-are-for-faces',
      comment:
        'An optional Nest module finds an outbox of the application by its token; nobody else needs one',
      severity: 'error',
      from: { path: '^lib/[^/]+/', pathNot: OPTIONAL },
      to: { path: '^lib/outbox\\.tokens\\.ts$' },
    },
    {
      name: 'contracts-only',
      comment:
        'Which database and which broker it is, is the assembly’s business (and of tools made for one of them)',
      severity: 'error',
      from: { path: room('emit', 'relay', 'consume', 'admin', 'observe', 'dashboard') },
      to: { path: '^lib/(store|broker)/[^/]+/' },
    },
    {
      name: 'nest-is-known-by-few',
      comment: 'Only consume/, dashboard/, microservices/ and the module know Nest’s internals',
      severity: 'error',
      from: {
        path: '^lib/',
        pathNot: [
          room('consume', 'dashboard', 'microservices', 'cli'),
          '^lib/observe/terminus/',
          '^lib/outbox\\.module\\.ts$',
        ],
      },
      to: { path: npm('@nestjs'), pathNot: npm('@nestjs/common', '@nestjs/schedule') },
    },
    {
      name: 'microservices-are-optional',
      comment: '@nestjs/microservices is an optional peer: only the face that is made for it imports it',
      severity: 'error',
      from: { path: '^lib/', pathNot: room('microservices') },
      to: { path: npm('@nestjs/microservices') },
    },
    {
      name: 'optional-peers-behind-faces',
      comment: 'What the module loads must not load a package that not everybody has',
      severity: 'error',
      from: { path: '^lib/', pathNot: OPTIONAL },
      to: { path: npm('prom-client', '@opentelemetry', '@nestjs/terminus') },
    },
    {
      name: 'nest-by-type-only',
      comment: 'Other rooms run without Nest: of its packages they may know types, such as Logger',
      severity: 'error',
      from: { path: '^lib/[^/]+/', pathNot: room('consume', 'observe', 'dashboard', 'microservices', 'cli') },
      to: { path: npm('@nestjs'), dependencyTypesNot: ['type-only', 'type-import'] },
    },
    {
      name: 'typeorm-is-the-database',
      comment: 'TypeORM is known where transactions come from and where rows live',
      severity: 'error',
      from: { path: '^lib/[^/]+/', pathNot: room('store', 'emit', 'cli', 'testing') },
      to: { path: npm('typeorm', '@nestjs/typeorm'), dependencyTypesNot: ['type-only', 'type-import'] },
    },
    {
      name: 'amqp-is-the-broker',
      severity: 'error',
      from: { path: '^lib/', pathNot: ['^lib/broker/rabbitmq/', room('testing')] },
      to: {
        path: npm('amqplib', 'amqp-connection-manager'),
        dependencyTypesNot: ['type-only', 'type-import'],
      },
    },
    {
      name: 'ground-does-no-io',
      comment:
        'event/, policy/ and errors/ touch no file and no socket; optional codecs are loaded when first used',
      severity: 'error',
      from: { path: room(...GROUND) },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|async_hooks|module)$' },
    },
    {
      name: 'faces-are-nobody’s',
      comment: 'What the module loads must not load an optional face',
      severity: 'error',
      from: { path: '^lib/', pathNot: OPTIONAL },
      to: { path: OPTIONAL },
    },
    {
      name: 'library-stands-alone',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(test|sample-app|docs|dist)/' },
    },
    {
      name: 'library-uses-what-it-declares',
      comment: 'What is neither a dependency nor a peer is not there for users',
      severity: 'error',
      from: { path: '^lib/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        dependencyTypesNot: ['npm', 'npm-peer', 'npm-optional'],
      },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dead-files',
      comment: 'Every file of the library is reached from a face that package.json exports',
      severity: 'error',
      from: { path: FACES },
      to: { path: '^lib/.+\\.ts$', pathNot: FACES, reachable: false },
    },
    {
      name: 'sample-imports-the-package',
      comment: 'The sample is a user: it knows the library by its package name',
      severity: 'error',
      from: { path: '^sample-app/' },
      to: { path: '^(lib|test|dist)/', dependencyTypesNot: ['aliased'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: '(^|/)node_modules/' },
    exclude: { path: '^(dist|coverage|\\.cache)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
    },
  },
};
