import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { EventToEmit, OutboxOptions } from 'nestjs-rabbitmq-outbox';
import { outboxOptions, type Playground } from '../support/outbox-app.js';

const FIXTURE = fileURLToPath(new URL('fixtures/outbox-app.mjs', import.meta.url));

interface Answer {
  command: string;
  result?: unknown;
  error?: { name: string; code?: string; message: string };
}

/** An application in a process of its own. */
export class OutboxProcess {
  private constructor(private readonly child: ChildProcess) {}

  /** Resolves when the application has started. */
  static async start(playground: Playground, options: Partial<OutboxOptions> = {}): Promise<OutboxProcess> {
    const process = OutboxProcess.launch(playground, options);
    const { error } = await process.answer('start');
    if (error) throw new Error(`The process did not start: ${error.message}`);
    return process;
  }

  /** Resolves with the error of a start that fails. */
  static async fail(
    playground: Playground,
    options: Partial<OutboxOptions>,
  ): Promise<{ process: OutboxProcess; error: Answer['error'] }> {
    const process = OutboxProcess.launch(playground, options);
    return { process, error: (await process.answer('start')).error };
  }

  private static launch(playground: Playground, options: Partial<OutboxOptions>): OutboxProcess {
    const fixture = {
      database: { url: playground.databaseUrl, schema: playground.name },
      options: outboxOptions(playground, options),
    };
    const env = { ...process.env, OUTBOX_FIXTURE: JSON.stringify(fixture) };
    return new OutboxProcess(
      fork(FIXTURE, { env, execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    );
  }

  /** Emits in one transaction. Resolves to the ids after the commit. */
  async emit(events: EventToEmit[]): Promise<string[]> {
    return (await this.command('emit', events)) as string[];
  }

  /** Emits in a transaction that stays open. */
  async emitOnly(events: EventToEmit[]): Promise<string[]> {
    return (await this.command('emitOnly', events)) as string[];
  }

  /** An orderly end. Resolves when the process has ended by itself. */
  async close(): Promise<void> {
    await this.command('close');
    await this.ended();
  }

  /** `kill -9`. Resolves when the process is gone. Does nothing to one that has ended. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended();
  }

  /** Stops it in the middle of whatever it does, until it is told to go on: `SIGSTOP`. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  /** `SIGCONT`. */
  goOn(): void {
    this.child.kill('SIGCONT');
  }

  /** Resolves to the exit code. */
  async ended(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
    return this.child.exitCode;
  }

  private async command(command: string, argument?: unknown): Promise<unknown> {
    const answer = this.answer(command);
    this.child.send({ command, argument });
    return (await answer).result;
  }

  private answer(command: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const finish = (outcome: () => void) => {
        this.child.off('message', onMessage);
        this.child.off('exit', onExit);
        outcome();
      };
      const onMessage = (message: unknown) => {
        const answer = message as Answer;
        if (answer.command === command) finish(() => resolve(answer));
      };
      const onExit = (code: number | null) =>
        finish(() => reject(new Error(`The process ended with ${code} before it answered "${command}".`)));
      this.child.on('message', onMessage);
      this.child.on('exit', onExit);
    });
  }
}
