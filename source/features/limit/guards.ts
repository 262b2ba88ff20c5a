import type { Guard } from '../feature.ts';

export const resetGuard: Guard<{ readonly subject: string }> = {
  loses: false,
  look: async (_, input) => ({
    name: input.subject,
    state: '',
    question: `Give ${input.subject} all of its limits back? What it has used counts no more.`,
    input,
  }),
};
