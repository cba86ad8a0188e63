/**
 * A module in a process of its own: its exported functions are called from here. It finds packages from where it lies.
 * It ends with this process, however that ends, even frozen.
 */
export class ModuleProcess {
  constructor(url: URL | string, options?: { env?: Record<string, string> });
  /** Path of the module. */
  readonly module: string;
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  readonly running: boolean;
  /** Calls an exported function; what goes and comes is copied. Rejects with its error, or when the process ends first. */
  call(name: string, ...args: unknown[]): Promise<unknown>;
  /** Calls its `close`, if it exports one, and ends it. */
  end(): Promise<void>;
  /** Sends a signal; for SIGKILL resolves when the process is gone. */
  signal(name: NodeJS.Signals): Promise<void>;
}
