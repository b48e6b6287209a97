// Checks the manifests with the types that Kubernetes publishes (its OpenAPI schema, in kubernetes-types).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { parseAllDocuments } from 'yaml';

import { typeErrors } from './types.mjs';

const MODULES = { Deployment: 'apps/v1', PodDisruptionBudget: 'policy/v1', Service: 'core/v1' };
const TEXT = readFileSync(new URL('../../docker/kubernetes/eventhub.yaml', import.meta.url), 'utf8');

function read(text) {
  const documents = parseAllDocuments(text, { strict: true, uniqueKeys: true });
  for (const { errors } of documents) assert.deepEqual(errors, []);
  return documents.map((document) => document.toJS());
}

const typeErrorsOf = (object) =>
  typeErrors(JSON.stringify(object), object.kind, `kubernetes-types/${MODULES[object.kind]}`);

test('every manifest has the type of its kind', async () => {
  const objects = read(TEXT);
  assert.deepEqual(objects.map(({ kind }) => kind).sort(), Object.keys(MODULES).sort());
  for (const object of objects) assert.equal(await typeErrorsOf(object), '');
});

const WRONG = [
  ['replicas: 3', 'replicas: three'],
  ['matchLabels: { app', 'matchLabel: { app'],
  ['periodSeconds: 10', 'periodSecond: 10'],
];
for (const [right, wrong] of WRONG) {
  test(`the types of Kubernetes do not permit ${wrong}`, async () => {
    const [deployment] = read(TEXT.replace(right, wrong));
    assert.match(await typeErrorsOf(deployment), /TS(2322|2353|2561)/);
  });
}
