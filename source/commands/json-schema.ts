import * as v from 'valibot';

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/**
 * The JSON Schema of what fits a schema of ours, as it is printed. Further fields are let through: those of a later
 * version are no mistake.
 * @throws {Error} for a kind of schema that it does not know
 */
export function jsonSchema(schema: v.GenericSchema): JsonSchema {
  const description = v.getDescription(schema);
  return { ...(description !== undefined && { description }), ...shapeOf(schema) };
}

function shapeOf(schema: v.GenericSchema): JsonSchema {
  const { type } = schema;
  if (type === 'string' || type === 'number' || type === 'boolean') return { type };
  if (type === 'unknown') return {};
  if (type === 'literal' && 'literal' in schema) return { const: schema.literal };
  if (type === 'picklist' && 'options' in schema) return { enum: schema.options };
  if (type === 'nullable' || type === 'optional' || type === 'exact_optional') {
    const inner = jsonSchema(within(schema, 'wrapped'));
    return type === 'nullable' ? { anyOf: [inner, { type: 'null' }] } : inner;
  }
  if (type === 'array') return { type, items: jsonSchema(within(schema, 'item')) };
  if (type === 'union') return { anyOf: many(schema, 'options').map(jsonSchema) };
  if (type === 'strict_tuple') {
    const items = many(schema, 'items');
    return { type: 'array', prefixItems: items.map(jsonSchema), minItems: items.length, items: false };
  }
  if (type === 'record') return { type: 'object', additionalProperties: jsonSchema(within(schema, 'value')) };
  if ((type === 'strict_object' || type === 'loose_object') && 'entries' in schema) {
    const entries = Object.entries(schema.entries ?? {}).filter(isEntry);
    const properties = Object.fromEntries(entries.map(([name, entry]) => [name, jsonSchema(entry)]));
    const required = entries.filter(([, entry]) => !entry.type.endsWith('optional')).map(([name]) => name);
    return { type: 'object', properties, ...(required.length > 0 && { required }) };
  }
  throw new Error(`No JSON Schema is known for \`${type}\``);
}

function within(schema: v.GenericSchema, field: string): v.GenericSchema {
  const inner: unknown = Object.getOwnPropertyDescriptor(schema, field)?.value;
  if (!isSchema(inner)) throw new Error(`\`${schema.type}\` has no ${field}`);
  return inner;
}

function many(schema: v.GenericSchema, field: string): readonly v.GenericSchema[] {
  const inner: unknown = Object.getOwnPropertyDescriptor(schema, field)?.value;
  return Array.isArray(inner) ? inner.filter(isSchema) : [];
}

function isEntry(entry: [string, unknown]): entry is [string, v.GenericSchema] {
  return isSchema(entry[1]);
}

function isSchema(value: unknown): value is v.GenericSchema {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'schema';
}
