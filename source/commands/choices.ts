import type { Parameter } from '../features/feature.ts';

/** The only values a parameter takes, read off its schema; none when it takes others. */
export function choicesOf({ schema }: Parameter<unknown>): readonly string[] {
  return optionsOf(schema);
}

function optionsOf(schema: object): readonly string[] {
  if ('options' in schema && Array.isArray(schema.options)) {
    return schema.options.filter((option): option is string => typeof option === 'string');
  }
  if ('wrapped' in schema && isObject(schema.wrapped)) return optionsOf(schema.wrapped);
  if ('pipe' in schema && Array.isArray(schema.pipe)) {
    // The last step that narrows to a list is the one that counts.
    const found = schema.pipe.filter((step) => step !== schema && isObject(step)).map(optionsOf);
    return found.findLast((options) => options.length > 0) ?? [];
  }
  return [];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
