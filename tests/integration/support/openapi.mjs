// Checks answers against docs/control.openapi.json: the part of JSON Schema that this file uses.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const API = JSON.parse(readFileSync(new URL('../../../docs/control.openapi.json', import.meta.url), 'utf8'));
const TYPES = {
  array: Array.isArray,
  boolean: (value) => typeof value === 'boolean',
  integer: Number.isInteger,
  null: (value) => value === null,
  number: (value) => typeof value === 'number',
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  string: (value) => typeof value === 'string',
};
const bytes = (text) => Buffer.byteLength(text);

/** For each keyword, a function that says what is wrong with a value; undefined if nothing is. */
const KEYWORDS = {
  additionalProperties: (value, _, path, { properties }) => Object.keys(value)
    .filter((name) => !(name in properties)).map((name) => `${path}.${name} is not documented`)[0],
  const: (value, wanted, path) => value === wanted ? undefined : `${path} must be ${wanted}`,
  enum: (value, list, path) => list.includes(value) ? undefined : `${path} must be one of ${list}`,
  items: (value, schema, path) => firstOf(value.map((item, i) => [schema, item, `${path}[${i}]`])),
  maxItems: (value, max, path) => value.length > max ? `${path} is too long` : undefined,
  maximum: (value, max, path) => value > max ? `${path} is too large` : undefined,
  maxLength: (value, max, path) => bytes(value) > max ? `${path} is too long` : undefined,
  minimum: (value, min, path) => value < min ? `${path} is too small` : undefined,
  minLength: (value, min, path) => bytes(value) < min ? `${path} is too short` : undefined,
  oneOf: (value, schemas, path) => {
    const faults = schemas.map((schema) => faultOf(schema, value, path));
    const n = faults.filter((fault) => !fault).length;
    return n === 1 ? undefined : `${path} suits ${n} of the choices: ${faults.join('; ')}`;
  },
  pattern: (value, text, path) => new RegExp(text).test(value) ? undefined : `${path} must match ${text}`,
  properties: (value, all, path) => firstOf(Object.entries(all).filter(([name]) => name in value)
    .map(([name, schema]) => [schema, value[name], `${path}.${name}`])),
  required: (value, names, path) => names.filter((name) => !(name in value))
    .map((name) => `${path}.${name} is missing`)[0],
  type: (value, type, path) => TYPES[type](value) ? undefined : `${path} must be of type ${type}`,
};

function resolve(node) {
  if (!node.$ref) return node;
  return resolve(node.$ref.slice(2).split('/').reduce((at, name) => at[name], API));
}

const firstOf = (checks) => checks.map((check) => faultOf(...check)).find(Boolean);

/** Returns what is wrong with the value, or undefined. */
export function faultOf(schema, value, path = '$') {
  const { type, ...others } = resolve(schema);
  const typeFault = type && KEYWORDS.type(value, type, path);
  if (typeFault) return typeFault;
  for (const [keyword, wanted] of Object.entries(others)) {
    if (keyword === 'description') continue;
    assert.ok(KEYWORDS[keyword], `openapi.mjs knows the keyword ${keyword}`);
    const fault = KEYWORDS[keyword](value, wanted, path, others);
    if (fault) return fault;
  }
  return undefined;
}

/** The documented operations: [method, path] of each. */
export const OPERATIONS = Object.entries(API.paths)
  .flatMap(([path, methods]) => Object.keys(methods).map((method) => [method.toUpperCase(), path]));

/** The operation of a request to this path, or undefined. A {parameter} is the rest of a path. */
export const operationOf = (method, path) => OPERATIONS.find(([itsMethod, template]) =>
  itsMethod === method && new RegExp(`^${template.replace(/\{\w+\}/, '.*')}$`).test(path));

const mediaOf = ({ content }) => content['application/json'].schema;

/** Asserts that an operation documents this answer: { status, json }. */
export function assertDocumented(method, path, { status, json }) {
  const operation = API.paths[path][method.toLowerCase()];
  const response = operation.responses[status];
  assert.ok(response, `${method} ${path} documents the status ${status}`);
  assert.equal(faultOf(mediaOf(resolve(response)), json), undefined);
}

/** Returns what is wrong with the body of a request, as documented, or undefined. */
export function requestFault(method, path, body) {
  return faultOf(mediaOf(API.paths[path][method.toLowerCase()].requestBody), body);
}
