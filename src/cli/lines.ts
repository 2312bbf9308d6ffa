/**
 * Lines that a reader types, or that a pipe gives, one at a time.
 * @module
 */
import process from 'node:process';
import { createInterface } from 'node:readline';

export interface Lines {
  /** The next line; undefined when there are no more. In a terminal it is asked for. */
  next(): Promise<string | undefined>;
  /** Throws away what has been typed of a line, has something told below it, and where a line is asked for asks for it anew. */
  restart(tell: () => void): void;
  /** Ends the asking; `next` then gives what came before, and no more. */
  close(): void;
}

/** @param onInterrupt ctrl-C in a terminal, which is no signal while lines are read there */
export function openLines(onInterrupt: () => void): Lines {
  const { stdin, stdout } = process;
  const terminal = stdin.isTTY === true && stdout.isTTY === true;
  const reader = createInterface({ input: stdin, ...(terminal && { output: stdout }), terminal, prompt: '> ' });
  const waiting: string[] = [];
  let ended = false;
  let wake = () => {};
  let asking = false;
  reader.on('line', (line) => {
    waiting.push(line);
    wake();
  });
  reader.on('close', () => {
    // Behind the prompt that ctrl-D leaves.
    if (terminal && asking) stdout.write('\n');
    ended = true;
    wake();
  });
  reader.on('SIGINT', onInterrupt);
  return {
    async next() {
      if (terminal && !ended) reader.prompt();
      asking = waiting.length === 0 && !ended;
      while (waiting.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve));
      asking = false;
      return waiting.shift();
    },
    restart(tell) {
      // Two keys: to the end of the line, and cut all before it.
      if (terminal) for (const name of ['e', 'u']) reader.write(null, { ctrl: true, name });
      tell();
      if (terminal && asking) reader.prompt();
    },
    close: () => reader.close(),
  };
}
