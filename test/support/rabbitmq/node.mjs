import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ServerProcess } from '../../../dist/lib/testing/private-server/server-process.js';
import { makeLeanHome } from './lean-home.mjs';

const exec = promisify(execFile);

/** One private RabbitMQ node with an epmd of its own. Await each call before the next. */
export class RabbitMqNode {
  #parts;
  #watchdog;
  #home;
  #epmd;
  #broker;

  /** Use `startRabbitMq`. */
  constructor(parts, watchdog) {
    this.#parts = parts;
    this.#watchdog = watchdog;
    this.nodeName = parts.nodeName;
    this.port = parts.ports.amqp;
    this.url = `amqp://guest:guest@127.0.0.1:${this.port}`;
    this.source = parts.installation.source;
    this.logFile = path.join(parts.directory, 'log', 'node.log');
    if (parts.plugins.includes('rabbitmq_management')) {
      this.managementUrl = `http://guest:guest@127.0.0.1:${parts.ports.management}`;
    }
  }

  get pid() {
    return this.#broker?.pid;
  }

  get running() {
    return this.#broker !== undefined;
  }

  async prepare() {
    const { directory, installation, plugins, config, ports } = this.#parts;
    const files = {
      '.erlang.cookie': randomBytes(20).toString('hex').toUpperCase(),
      enabled_plugins: `[${plugins.join(',')}].\n`,
      'rabbitmq.conf': `${this.managementUrl ? managementConfig(ports.management) : ''}${config}\n`,
      'env.conf': '',
    };
    for (const [name, text] of Object.entries(files)) {
      await writeFile(path.join(directory, name), text, { mode: name === '.erlang.cookie' ? 0o400 : 0o600 });
    }
    await mkdir(path.join(directory, 'conf.d'));
    this.#home = await makeLeanHome(installation.home, plugins, path.join(directory, 'home'));
  }

  async start() {
    if (this.#broker) return;
    if (!this.#epmd) await this.#startEpmd();
    const failure = await this.#launch(this.#home ?? this.#parts.installation.home);
    if (failure && this.#home && /no such file or directory|\{undef,/.test(failure)) {
      // Some application needs more than it declares. The full home has everything.
      this.#home = undefined;
      return this.start();
    }
    if (failure) throw new Error(`RabbitMQ did not start: ${failure}`);
  }

  /** Graceful: as `rabbitmqctl stop`. */
  async stop() {
    await this.#broker?.end('SIGTERM');
  }

  /** `kill -9` on the Erlang machine. */
  async kill() {
    await this.#broker?.end('SIGKILL');
  }

  /**
   * Puts on disk what was declared until now. RabbitMQ confirms messages only once they are there, but a durable classic
   * queue can be gone, and a quorum queue without a leader, when a kill comes within 2 s of its declaration.
   */
  async flush() {
    await this.eval('ok = mnesia:sync_log(), [ok = dets:sync(Table) || Table <- dets:all()].');
  }

  /** An alarm over memory blocks whoever publishes, until it ends. */
  async alarm(on) {
    await this.eval(`vm_memory_monitor:set_vm_memory_high_watermark(${on ? '0.000001' : '0.6'}).`);
  }

  /** Such as `running`, `blocked`, of each connection. */
  async connectionStates() {
    const states = await this.eval(
      '[atom_to_list(S) || [{state, S}] <- rabbit_networking:connection_info_all([state])].',
    );
    return [...states.matchAll(/"([a-z]+)"/g)].map(([, state]) => state);
  }

  async restart() {
    await this.stop();
    await this.start();
  }

  /** `rabbitmqctl` on this node; gives what it printed. */
  ctl(...args) {
    return this.tool('rabbitmqctl', ...args);
  }

  /** Erlang, evaluated on this node; gives the value. `rabbitmqctl` takes more than a second of CPU time to start. */
  async eval(expressions) {
    const options = { cwd: this.#parts.directory, env: environment(this.#parts) };
    const asked = exec('erl_call', ['-sname', this.nodeName, '-r', '-e'], options);
    asked.child.stdin.on('error', () => undefined);
    asked.child.stdin.end(`${expressions}\n`);
    try {
      const { stdout } = await asked;
      const value = /^\{ok, ([^]*)\}$/.exec(stdout)?.[1];
      if (value === undefined) throw new Error(`${expressions} failed on ${this.nodeName}: ${stdout}`);
      return value;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      return this.ctl('eval', expressions);
    }
  }

  /** Any of RabbitMQ's command line tools on this node: `rabbitmq-diagnostics`, `rabbitmq-queues`, … */
  async tool(name, ...args) {
    const program = path.join(this.#parts.installation.home, 'sbin', name);
    const { stdout } = await exec(program, ['-n', this.nodeName, '-q', ...args], {
      cwd: this.#parts.directory,
      env: environment(this.#parts),
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  }

  /** The broker ends, its Erlang machine goes on: clients see what they see in a restart, only faster. */
  async stopApp() {
    await this.eval('ok = rabbit:stop().');
  }

  async startApp() {
    await this.eval('ok = rabbit:start().');
  }

  /** Ends the node and its epmd, and removes their files. */
  async close() {
    await this.kill();
    await this.#epmd?.end('SIGKILL');
    await rm(this.#parts.directory, { recursive: true, force: true, maxRetries: 5 });
    this.#watchdog.dismiss();
  }

  async #startEpmd() {
    const { directory, ports } = this.#parts;
    const epmd = new ServerProcess(
      {
        program: 'epmd',
        args: ['-port', String(ports.epmd), '-address', '127.0.0.1', '-d', '-d'],
        options: { cwd: directory, env: environment(this.#parts) },
        readyText: 'entering the main select() loop',
      },
      this.#watchdog.leash,
    );
    this.#watchdog.guard(epmd.pid);
    const failure = await epmd.ready();
    if (failure) throw new Error(`Erlang's epmd did not start: ${failure}`);
    this.#epmd = epmd;
  }

  async #launch(home) {
    const broker = new ServerProcess(
      {
        program: path.join(home, 'sbin', 'rabbitmq-server'),
        args: [],
        options: { cwd: this.#parts.directory, env: environment(this.#parts) },
        readyText: 'completed with',
      },
      this.#watchdog.leash,
    );
    this.#watchdog.guard(broker.pid, this.#epmd.pid);
    broker.onEnd(() => this.#ended(broker));
    this.#broker = broker;
    const failure = await broker.ready();
    if (failure) this.#ended(broker);
    this.version = /RabbitMQ (\d\S*)/.exec(broker.log.join('\n'))?.[1] ?? this.version;
    return failure;
  }

  #ended(broker) {
    if (this.#broker !== broker) return;
    this.#broker = undefined;
    this.#watchdog.guard(this.#epmd?.pid);
  }
}

function managementConfig(port) {
  return `management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = ${port}\n`;
}

/** Nothing of the caller's RABBITMQ_* and ERL_* reaches the node, and nothing in /etc/rabbitmq. */
function environment({ directory, installation, nodeName, ports }) {
  const file = (...names) => path.join(directory, ...names);
  return {
    TMPDIR: directory,
    LC_ALL: 'C.UTF-8',
    ...installation.env,
    HOME: directory,
    // The server's script becomes the Erlang machine instead of waiting for it: its process id is the machine's.
    RUNNING_UNDER_SYSTEMD: 'true',
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_CRASH_DUMP_SECONDS: '0',
    RABBITMQ_NODENAME: nodeName,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(ports.amqp),
    RABBITMQ_DIST_PORT: String(ports.distribution),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_MNESIA_BASE: file('mnesia'),
    RABBITMQ_LOG_BASE: file('log'),
    RABBITMQ_LOGS: file('log', 'node.log'),
    RABBITMQ_CONFIG_FILE: file('rabbitmq'),
    RABBITMQ_CONFIG_FILES: file('conf.d'),
    RABBITMQ_ADVANCED_CONFIG_FILE: file('advanced.config'),
    RABBITMQ_CONF_ENV_FILE: file('env.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins'),
    RABBITMQ_PID_FILE: file('pid'),
  };
}
