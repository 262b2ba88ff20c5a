/** What the library, and features that spread over several servers, get of shards. */
export { ShardDownError, ShardOrderError } from './errors.ts';
export { inTime, missingHeadline, openShards, tellMissing } from './open-shards.ts';
export { makeRouter, type Router, type RouterName } from './router.ts';
export { askOwner, everywhere, gather, partsOf, type Shards } from './shards.ts';
