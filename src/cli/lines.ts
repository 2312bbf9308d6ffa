/**
 * Lines that a reader types, or that a pipe gives, one at a time.
 * @module
 */
import process from 'node:process';
import { createInterface } from 'node:readline';

export interface Lines {
  /** The next line; undefined when there are no more. In a terminal it is asked for. */
  next(): Promise<string | undefined>;
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
  reader.on('line', (line) => {
    waiting.push(line);
    wake();
  });
  reader.on('close', () => {
    ended = true;
    wake();
  });
  reader.on('SIGINT', onInterrupt);
  return {
    async next() {
      if (terminal && !ended) reader.prompt();
      while (waiting.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve));
      return waiting.shift();
    },
    close: () => reader.close(),
  };
}
