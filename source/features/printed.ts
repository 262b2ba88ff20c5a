import * as v from 'valibot';

/**
 * What commands print with `--json`, as schemas: from them come the types that a command's `run` has to return, and
 * `quarterdeck schema`. Objects are strict for the tests, which find a field that nobody declared; scripts have to
 * expect further fields.
 */

export const text = v.string();
export const number = v.number();
export const truth = v.boolean();
export const texts = v.array(text);

const described = (what: string) => v.pipe(v.number(), v.description(what));
export const count = described('how many');
export const bytes = described('bytes');
/** Epoch ms. */
export const moment = described('epoch milliseconds');
export const span = described('milliseconds');

export function orNull<const Schema extends v.GenericSchema>(schema: Schema, why = 'null: not known') {
  return v.pipe(v.nullable(schema), v.description(why));
}

/** What may be missing. */
export function absent<const Schema extends v.GenericSchema>(schema: Schema) {
  return v.exactOptional(schema);
}

export const object = v.strictObject;
export const list = v.array;

/** What fits a schema, as our own code hands it around: nothing of it may be written to. */
export type Printed<Schema extends v.GenericSchema> = Frozen<v.InferInput<Schema>>;
type Frozen<Value> = unknown extends Value ? unknown : { readonly [Key in keyof Value]: Frozen<Value[Key]> };
