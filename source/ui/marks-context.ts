import { createContext } from 'react';
import type { Severity } from '../need.ts';

/**
 * Which rows need a human, by their ids: colour means exactly that. What is painted outside of a console, such as
 * a pane by itself, knows of none, and its rows keep the colours they come with.
 */
export const MarksContext = createContext<
  Readonly<Record<string, { readonly severity: Severity; readonly isAcked: boolean }>> | undefined
>(undefined);
