import hashPage from '../../redis/hash-page.lua';
import type { Role } from '../feature.ts';
import fingerprint from './fingerprint.lua';

export const roles: readonly Role[] = [
  // Who is on which need is read by whoever reads the needs of all.
  { name: 'viewer', scripts: [fingerprint, hashPage], commands: ['HLEN'] },
];
