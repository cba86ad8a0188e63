import { expect, test } from '@jest/globals';
import { readConfig } from '../../sample-app/src/config.js';

const REAL = { DATABASE_URL: 'postgres://db/shop', RABBITMQ_URL: 'amqp://mq' };

test('is the whole shop on port 3000 when nothing is said', () => {
  expect(readConfig({}, [])).toEqual({ role: 'all', port: 3000, service: 'shop' });
});

test('takes the role from the first argument before ROLE', () => {
  expect(readConfig({ ...REAL, ROLE: 'api' }, ['worker']).role).toBe('worker');
  expect(readConfig({ ...REAL, ROLE: 'api' }, []).role).toBe('api');
});

test('watches processes without a page on a port of their own, if it is told one', () => {
  expect(readConfig({ MONITORING_PORT: '9100' }, []).monitoringPort).toBe(9_100);
  expect(readConfig({}, [])).not.toHaveProperty('monitoringPort');
  expect(() => readConfig({ MONITORING_PORT: 'no' }, [])).toThrow('MONITORING_PORT must be a number');
});

test.each([
  [{ ROLE: 'boss' }, 'ROLE must be one of all, api, relay, worker, got "boss".'],
  [{ PORT: 'http' }, 'PORT must be a number from 0 (any free port) to 65535, got "http".'],
  [{ PORT: '70000' }, 'PORT must be a number from 0 (any free port) to 65535, got "70000".'],
  [
    { DATABASE_URL: 'localhost' },
    'DATABASE_URL is not a URL. It looks like postgres://user:password@host:5432/database.',
  ],
  [
    { ROLE: 'api', DATABASE_URL: 'postgres://db/shop' },
    'Set RABBITMQ_URL (amqp://user:password@host:5672), or run',
  ],
  [
    { ROLE: 'worker', RABBITMQ_URL: 'amqp://mq' },
    'Set DATABASE_URL (postgres://user:password@host:5432/database), or',
  ],
])('refuses %j and says what to change', (env, message) => {
  expect(() => readConfig(env, [])).toThrow(message);
});

test('treats an empty variable as one that is not set', () => {
  expect(readConfig({ PORT: '', DATABASE_URL: '', RABBITMQ_URL: '', ROLE: '' }, [])).toEqual(
    readConfig({}, []),
  );
});
