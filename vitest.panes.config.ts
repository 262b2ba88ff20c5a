import base from './vitest.config.ts';

/** For `npm run panes`: nothing is built first, since a pane is painted from the source. */
const { globalSetup: _, ...test } = base.test ?? {};

export default { ...base, test };
