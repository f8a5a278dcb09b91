import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readOptions } from '../../src/demo/options.js';
import { composeFile, servicesOf } from '../support/compose-file.js';

const root = join(__dirname, '../..');
const { services, configs } = composeFile;
const everyService = Object.entries(services);
const profiles = [...new Set(everyService.flatMap(([, service]) => service.profiles ?? []))];

test('there are profiles for the sample app, on Postgres, and for Debezium', () => {
  expect(profiles).toEqual(['app', 'postgres', 'debezium']);
});

describe.each(profiles)('the profile %s', (profile) => {
  const started = servicesOf(profile);

  test('starts all that its services wait for, and they have a health to wait for', () => {
    for (const name of started) {
      for (const [needed, { condition }] of Object.entries(services[name]?.depends_on ?? {})) {
        expect(started).toContain(needed);
        expect({ needed, condition }).toEqual({ needed, condition: 'service_healthy' });
        expect(services[needed]).toHaveProperty('healthcheck.test.0', 'CMD');
      }
    }
  });

  test('publishes each port once, on this machine only', () => {
    const ports = started.flatMap((name) => services[name]?.ports ?? []);
    expect(new Set(ports).size).toBe(ports.length);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
  });

  test('speaks to services that it starts', () => {
    const hosts = started.flatMap((name) => {
      const { command = [], environment = {}, configs: files = [] } = services[name] ?? {};
      const contents = files.map(({ source }) => configs[source]?.content);
      const texts = [...command, ...Object.values(environment), ...contents].join('\n');
      return [...texts.matchAll(/(?:rediss?|postgres):\/\/(?:\w+:\w+@)?(\w+)|(?:hostname|address)=(\w+)/g)];
    });
    for (const [, inUrl, inProperty] of hosts) expect(started).toContain(inUrl ?? inProperty);
  });
});

test('an image has a version', () => {
  const images = everyService.flatMap(([, { image }]) => (image === undefined ? [] : [image]));
  expect(images).toHaveLength(3);
  for (const image of images) expect(image).toMatch(/:\d+(\.\d+)*$/);
});

test('what a service is given as a file exists, and every file is given to one', () => {
  const given = everyService.flatMap(([, service]) => (service.configs ?? []).map(({ source }) => source));
  expect(given.sort()).toEqual(Object.keys(configs).sort());
});

test('no file has a dollar sign, in which Compose would see a variable', () => {
  for (const { content } of Object.values(configs)) expect(content).not.toContain('$');
});

describe('the sample app', () => {
  const apps = everyService.filter(([, { build, entrypoint }]) => build !== undefined && !entrypoint);

  test.each(apps)('%s understands its options, and uses the Redis beside it', (_name, service) => {
    const entrypoint = JSON.parse(
      /^ENTRYPOINT (.*)$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1] ?? '',
    ) as string[];
    expect(entrypoint.slice(0, 2)).toEqual(['node', 'dist/esm/demo/main.js']);
    expect(existsSync(join(root, 'src/demo/main.ts'))).toBe(true);
    const args = [...entrypoint.slice(2), ...(service.command ?? [])];
    const options = readOptions(args, service.environment as NodeJS.ProcessEnv);
    expect(options).toMatchObject({ host: '0.0.0.0', port: 8783, redis: { url: 'redis://redis:6379' } });
  });
});

describe('Debezium Server', () => {
  const page = readFileSync(join(root, 'docs/sources/debezium.md'), 'utf8');
  const [, pageCompose = ''] = /^```yaml\n(services:\n.*?)^```$/ms.exec(page) ?? [];
  const { services: pageServices } = parse(pageCompose) as Pick<typeof composeFile, 'services'>;

  test('is set up as its page says', () => {
    const [, shown = ''] = /^```properties\n(.*?)^```$/ms.exec(page) ?? [];
    expect(propertiesOf(configs['debezium-server']?.content ?? '')).toEqual(propertiesOf(shown));
    const { target } = services['debezium']?.configs?.[0] ?? {};
    expect(page).toContain(`./application.properties:${target}:ro`);
  });

  test.each(Object.entries(pageServices))(
    'starts with the service %s as its page has it',
    (name, { image, command = [], restart }) => {
      const here = services[name];
      expect(here).toMatchObject({ image });
      expect(here?.command ?? []).toEqual(expect.arrayContaining([...command]));
      expect(here?.restart).toBe(restart);
    },
  );

  test('is let into the database that is there, for the table and the stream of the worker', () => {
    const properties = propertiesOf(configs['debezium-server']?.content ?? '');
    const of = (name: string) => properties[`debezium.source.${name}`];
    expect({
      POSTGRES_USER: of('database.user'),
      POSTGRES_PASSWORD: of('database.password'),
      POSTGRES_DB: of('database.dbname'),
    }).toEqual(services['postgres']?.environment);
    expect(configs['category-table']?.content).toContain('create table category (');
    expect(of('table.include.list')).toBe('public.category');
    expect(configs['debezium-worker']?.content).toContain(`stream: '${of('topic.prefix')}.public.category'`);
  });
});

function propertiesOf(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
