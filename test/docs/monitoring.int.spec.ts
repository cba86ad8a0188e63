import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Injectable } from '@nestjs/common';
import { OnEvent } from 'nestjs-rabbitmq-outbox';
import { OutboxPrometheusModule } from 'nestjs-rabbitmq-outbox/prometheus';
import { Registry } from 'prom-client';
import { parse } from 'yaml';
import { METRICS, type MetricDefinition } from '../../lib/observe/metrics/definitions.js';
import { openStage, type Stage } from '../consume/stage.js';
import { scrape } from '../observe/scrape.js';
import { eventually, startApp, type TestApp } from '../support/outbox-app.js';
import { repository } from './documents.js';
import { complaintsOf, findPromtool } from './promtool.js';

interface Target {
  readonly expr: string;
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
}
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}
interface Service {
  readonly image?: string;
  readonly profiles?: string[];
  readonly volumes?: string[];
}

const promtool = await findPromtool();
const FOLDER = 'docs/monitoring';
const read = (file: string) => readFileSync(path.join(repository, file), 'utf8');
const dashboard = JSON.parse(read(`${FOLDER}/grafana/outbox.json`)) as {
  panels: Panel[];
  templating: { list: Array<{ name: string; query: unknown }> };
};
const rules = (parse(read(`${FOLDER}/alerts.yml`)) as { groups: Array<{ rules: Rule[] }> }).groups.flatMap(
  (group) => group.rules,
);
const compose = parse(read('docker-compose.yml')) as { services: Record<string, Service> };

/** Every expression, with where it is from. */
const expressions: Array<[where: string, expr: string]> = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }): [string, string] => [`panel "${title}"`, expr]),
  ),
  ...rules.map(({ alert, expr }): [string, string] => [`alert ${alert}`, expr]),
];

const namesIn = (expr: string) => [...expr.matchAll(/\b(?:outbox|inbox)_\w+/g)].map(([name]) => name);
const definitionOf = (name: string): MetricDefinition | undefined =>
  METRICS.find((metric) => metric.name === name || metric.name === name.replace(/_(bucket|sum|count)$/, ''));

@Injectable()
class Orders {
  @OnEvent('order.*')
  handle(): void {}
}

describe('docs/monitoring', () => {
  let stage: Stage;
  let app: TestApp;
  const registry = new Registry();

  beforeAll(async () => {
    stage = await openStage();
    app = await startApp(stage.playground, {
      providers: [Orders],
      imports: [OutboxPrometheusModule.forRoot({ registry })],
    });
    await app.emit('order.placed');
    await eventually(async () => (await scrape(registry)).sum('inbox_processed_total') === 1);
  });
  afterAll(async () => {
    await app?.close();
    await stage?.close();
  });

  test('asks only for what a running application exports', async () => {
    const { names } = await scrape(registry);
    const exported = names.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]);
    const unknown = expressions.flatMap(([where, expr]) =>
      namesIn(expr)
        .filter((name) => !exported.includes(name))
        .map((name) => `${where}: ${name}`),
    );
    expect(expressions.length).toBeGreaterThan(40);
    expect(unknown).toEqual([]);
  });

  test('shows every metric', () => {
    const shown = new Set(
      expressions.flatMap(([, expr]) => namesIn(expr)).map((name) => definitionOf(name)?.name),
    );
    expect(METRICS.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
  });

  test('groups and selects only by labels that the metrics have', () => {
    const wrong = expressions.flatMap(([where, expr]) => {
      const labels = new Set(['job', 'instance', 'outbox', 'le']);
      for (const name of namesIn(expr))
        for (const label of definitionOf(name)?.labels ?? []) labels.add(label);
      const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
      const selected = [...expr.matchAll(/[{,]\s*(\w+)\s*=~?/g)].map(([, label = '']) => label);
      return [...grouped, ...selected]
        .filter((label) => !labels.has(label))
        .map((label) => `${where}: ${label}`);
    });
    expect(wrong).toEqual([]);
  });

  test('has a dashboard whose panels have ids of their own and do not lie upon each other', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const overlapping = dashboard.panels.flatMap((one, index) =>
      dashboard.panels
        .slice(index + 1)
        .flatMap((other) => (overlap(one, other) ? [`${one.title}, ${other.title}`] : [])),
    );
    expect(overlapping).toEqual([]);
    expect(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
    const used = new Set(
      [...read(`${FOLDER}/grafana/outbox.json`).matchAll(/\$\{?([a-z]\w*)/g)].map(([, name]) => name),
    );
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(expect.arrayContaining([...used]));
  });

  test('has alerts that say what is the matter and what to do', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { labels, annotations } of rules) {
      expect(['warning', 'critical']).toContain(labels.severity);
      expect(annotations.summary.length).toBeGreaterThan(10);
      expect(annotations.description.length).toBeGreaterThan(20);
    }
  });

  test('is what the compose file mounts, under its profile', () => {
    const services = ['prometheus', 'grafana', 'jaeger'].map((name) => compose.services[name]);
    expect(services.map((service) => service?.profiles)).toEqual(
      Array.from({ length: 3 }, () => ['observability']),
    );
    expect(services.every((service) => /^[\w/]+:v?\d+\.\d+/.test(service?.image ?? ''))).toBe(true);
    const mounted = services
      .flatMap((service) => service?.volumes ?? [])
      .map((volume) => volume.split(':')[0] ?? '');
    expect(mounted.length).toBe(4);
    expect(mounted.filter((file) => !existsSync(path.join(repository, file)))).toEqual([]);
    const { rule_files: files } = parse(read(`${FOLDER}/prometheus.yml`)) as { rule_files: string[] };
    const targets = services
      .flatMap((service) => service?.volumes ?? [])
      .map((volume) => volume.split(':')[1]);
    expect(targets).toEqual(expect.arrayContaining(files));
    expect(compose.services['app']?.profiles).toBeUndefined();
  });
});

(promtool ? describe : describe.skip)('promtool', () => {
  test('takes docs/monitoring for right', () => {
    // What Grafana fills in; rules are the one place where promtool looks at expressions.
    const filledIn = (expr: string) =>
      expr.replaceAll('$__rate_interval', '1m').replace(/\$(job|outbox)/g, '.*');
    const queries = expressions.map(([, expr], index) => ({
      record: `query:${index}`,
      expr: filledIn(expr),
    }));
    const ours = path.join(repository, FOLDER, 'alerts.yml');
    const dashboards = { groups: [{ name: 'dashboard', rules: queries }] };
    expect(complaintsOf(promtool!, ['check', 'rules', ours], dashboards)).toBe('');
  });
});

const overlap = ({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
