import { readFileSync } from 'node:fs';

/** Prints `N passed, N failed` of jest's results; exits with 1 unless tests ran and none failed. */
const results = JSON.parse(readFileSync(process.argv[2], 'utf8'));

const passed = results.numPassedTests;
const skipped = results.numPendingTests + results.numTodoTests;
// A file that could not be loaded, holds no test, or failed outside of its tests.
const failedSuites = results.testResults.filter(
  ({ status, assertionResults }) =>
    status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
);
const failed = results.numFailedTests + failedSuites.length;

const counts = [`${passed} passed`, `${failed} failed`];
if (skipped > 0) counts.push(`${skipped} skipped`);
console.log(counts.join(', '));
process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
