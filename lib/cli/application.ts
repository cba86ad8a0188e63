import type { INestApplicationContext, InjectionToken, LoggerService, Type } from '@nestjs/common';
import { DEFAULT_OUTBOX } from '../outbox.tokens.js';
import type { AppFlags } from './application-options.js';
import type { Io } from './io.js';
import { defaultOf, loadFile } from './load-file.js';
import { UsageError } from './usage-error.js';

/**
 * Boots the application whose module `reference` names, as `dist/app.module.js#AppModule`, and asks it something. Its
 * outbox is idle: it relays, consumes and migrates nothing. All else of it starts as ever, its database for one.
 * @throws {UsageError} when there is no such module
 */
export async function withApplication<T>(
  reference: string,
  io: Io,
  work: (app: INestApplicationContext) => Promise<T> | T,
): Promise<T> {
  // The application reads its options from the process's environment, whoever starts it.
  process.env['OUTBOX_IDLE'] = 'true';
  const app = await toStderrOnly(async () => boot(await moduleNamed(reference), reference, io));
  try {
    return await work(app);
  } finally {
    await toStderrOnly(() => app.close());
  }
}

/** Answers have stdout for themselves, whatever the application prints. */
async function toStderrOnly<T>(work: () => Promise<T>): Promise<T> {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  try {
    return await work();
  } finally {
    stdout.write = write;
  }
}

/**
 * Asks a part of an outbox of the application.
 * @throws {UsageError} when the application has no such outbox
 */
export function withPart<Part, T>(
  { app: reference, outbox }: AppFlags,
  tokenOf: (name: string) => InjectionToken,
  io: Io,
  work: (part: Part) => Promise<T> | T,
): Promise<T> {
  return withApplication(reference, io, (app) => work(partOf<Part>(app, tokenOf(outbox), reference, outbox)));
}

function partOf<Part>(
  app: INestApplicationContext,
  token: InjectionToken,
  reference: string,
  outbox: string,
): Part {
  try {
    return app.get<Part>(token, { strict: false });
  } catch (error) {
    const which = outbox === DEFAULT_OUTBOX ? 'without a name' : `of the name "${outbox}"`;
    throw new UsageError(`The application of ${reference} has no outbox ${which}.`, { cause: error });
  }
}

async function moduleNamed(reference: string): Promise<Type> {
  const [file = '', asked] = reference.split('#');
  const exported = await loadFile(file, 'The application', '--app');
  const all = { ...defaultOf(exported), ...exported };
  const modules = Object.entries(all).filter((entry): entry is [string, Type] => isModule(entry[1]));
  const classes = new Map(modules.map(([name, type]) => [type, name]));
  const found = asked === undefined ? [...classes.keys()] : [all[asked]].filter(isModule);
  const [only] = found;
  if (only && found.length === 1) return only;
  const names = [...classes.values()].map((name) => `${file}#${name}`).join(', ');
  throw new UsageError(
    names === ''
      ? `${file} exports no class with @Module().`
      : `Say which module by --app <file>#<class>; there ${classes.size === 1 ? 'is' : 'are'} ${names}.`,
  );
}

/** By what `@Module()` has written on it. */
const isModule = (value: unknown): value is Type =>
  typeof value === 'function' &&
  ['imports', 'providers', 'controllers', 'exports'].some((key) => Reflect.hasMetadata(key, value));

async function boot(module: Type, reference: string, io: Io): Promise<INestApplicationContext> {
  const { NestFactory } = await import('@nestjs/core');
  try {
    return await NestFactory.createApplicationContext(module, { abortOnError: false, logger: toStderr(io) });
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`The application of ${reference} does not start: ${message}`, { cause: error });
  }
}

/** Of why it does not start we tell ourselves. */
function toStderr(io: Io): LoggerService {
  const nothing = () => undefined;
  const tell = io.env['OUTBOX_DEBUG'] ? (message: unknown) => io.err(`${String(message)}\n`) : nothing;
  return { log: nothing, debug: nothing, verbose: nothing, warn: tell, error: tell, fatal: tell };
}
