// interrupt: Ctrl-C in a long loop asks it to stop at the next step and show what it has; a second one ends the program.

export interface Interrupt {
  readonly asked: boolean;
}

export function catchInterrupt(): Interrupt {
  const state = { asked: false };
  process.once('SIGINT', () => {
    state.asked = true;
  });
  return state;
}
