import { createContext } from 'react';

/** What a pane says when there is nothing of it: what was looked at, and what makes the first, a sentence a line. */
export const NothingContext = createContext<readonly string[]>([]);
