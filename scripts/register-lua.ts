import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { luaModule } from './read-lua.ts';

// Benchmarks and examples run the sources unbuilt; Node knows TypeScript but not Lua.
registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith('.lua')) return nextLoad(url, context);
    return { format: 'module', shortCircuit: true, source: luaModule(fileURLToPath(url)) };
  },
});
