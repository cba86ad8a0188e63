export default {
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  // Packages that only benchmarks use.
  modulePathIgnorePatterns: ['<rootDir>/test/bench/peers/node_modules'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^nestjs-rabbitmq-outbox$': '<rootDir>/lib/index.ts',
    '^nestjs-rabbitmq-outbox/(prometheus|opentelemetry|terminus)$': '<rootDir>/lib/observe/$1/index.ts',
    '^nestjs-rabbitmq-outbox/microservices$': '<rootDir>/lib/microservices/index.ts',
    '^nestjs-rabbitmq-outbox/testing$': '<rootDir>/lib/testing/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: '<rootDir>/tsconfig.json' }] },
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  testTimeout: 120_000,
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  // A worker keeps the modules of every file it has run; it begins anew before it runs out of memory.
  maxWorkers: 2,
  workerIdleMemoryLimit: '1500MB',
};
