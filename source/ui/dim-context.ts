import { createContext } from 'react';

/** Whether what is painted here is old: it is then painted dimmed, without the colours that say how things are now. */
export const DimContext = createContext(false);
