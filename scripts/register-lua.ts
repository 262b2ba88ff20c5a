import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { inkTableFile, inkTableModule } from './ink-table-module.ts';
import { luaModule } from './read-lua.ts';

// Benchmarks, examples and scripts run the sources unbuilt; Node knows TypeScript, but neither Lua nor this ink-table.
registerHooks({
  load(url, context, nextLoad) {
    if (inkTableFile.test(url))
      return { format: 'module', shortCircuit: true, source: inkTableModule(fileURLToPath(url)) };
    if (!url.endsWith('.lua')) return nextLoad(url, context);
    return { format: 'module', shortCircuit: true, source: luaModule(fileURLToPath(url)) };
  },
});
