import { createContext } from 'react';

/** Whether what is painted here is old: it is then painted without the colours that say how things are now. */
export const FadedContext = createContext(false);
