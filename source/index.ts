export {
  DeniedError,
  type ErrorKind,
  type ErrorOptionsWithHint,
  MissingPackageError,
  QuarterdeckError,
  UnsupportedClientError,
  UnsupportedServerError,
  UsageError,
  WrongTypeError,
} from './errors.ts';
export * as buffer from './features/buffer/library.ts';
export * as chat from './features/chat/library.ts';
export * as hits from './features/hits/library.ts';
export * as limit from './features/limit/library.ts';
export * as lock from './features/lock/library.ts';
export * as log from './features/log/library.ts';
export * as shards from './features/shards/library.ts';
export * as ship from './features/ship/library.ts';
export * as sync from './features/sync/library.ts';
export * as topic from './features/topic/library.ts';
export type {
  Call,
  Daemon,
  Handle,
  Listed,
  Listening,
  Redis,
  Reporting,
  Support,
  Warning,
  Watched,
} from './library-types.ts';
export {
  LostError,
  ProtocolError,
  RefusedError,
  UnreachableError,
  UnreadableReplyError,
} from './redis/errors.ts';
export { checkSupport } from './redis/server/support.ts';
