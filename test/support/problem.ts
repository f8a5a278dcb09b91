import type { Response } from 'supertest';

/** It is problem+json with this status, and says so in its detail. */
export function expectProblem(response: Response, status: number, detail?: RegExp): void {
  expect(response.type).toBe('application/problem+json');
  expect(response.status).toBe(status);
  const body = JSON.parse(response.text) as Record<string, unknown>;
  expect(body).toMatchObject({ type: 'about:blank', title: expect.any(String) as unknown, status });
  if (detail) expect(body['detail']).toMatch(detail);
}
