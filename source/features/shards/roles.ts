import type { Role } from '../feature.ts';

export const roles: readonly Role[] = [{ name: 'viewer', scripts: [], commands: ['HGETALL'] }];
