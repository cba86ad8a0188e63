import { ConsoleLogger } from '@nestjs/common';

/** Nest's line for every module and route would bury the few lines that matter to someone who starts the shop. */
const CHATTER = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** What these report, `main.ts` reports as well: the shop lets a failed start reach it. */
const REPORTED_TWICE = new Set(['ExceptionHandler', 'NestApplication']);

export class ShopLogger extends ConsoleLogger {
  constructor() {
    super({ prefix: 'Shop' });
  }

  override log(message: unknown, ...rest: unknown[]): void {
    if (CHATTER.has(String(rest.at(-1)))) return;
    super.log(message, ...rest);
  }

  override error(message: unknown, ...rest: unknown[]): void {
    if (REPORTED_TWICE.has(String(rest.at(-1)))) return;
    super.error(message, ...rest);
  }
}
