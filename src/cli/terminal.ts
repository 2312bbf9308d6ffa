/**
 * The terminal: text on stdout, everything else on stderr, and the two ways a reader ends a command early: ctrl-C, and closing the pipe.
 * @module
 */
import process from 'node:process';

export interface Terminal {
  /** Aborts at the first ctrl-C, and when nobody reads stdout any more. The second ctrl-C ends the process as usual. */
  readonly signal: AbortSignal;
  /** Ctrl-C was pressed. */
  readonly interrupted: boolean;
  /** Whether text on stdout may have colours: in a terminal that has them, unless NO_COLOR is set; elsewhere where FORCE_COLOR is. */
  readonly hasColours: boolean;
  /** Asks this first at each ctrl-C: where it returns true nothing else happens. */
  onInterrupt(handler: () => boolean): void;
  /** Text for stdout; waits while the reader is behind. After the pipe is closed it does nothing. */
  write(text: string): Promise<void>;
  /** A line, or several, for stderr. */
  note(text: string): void;
  /**
   * Replaces the live line on stderr; the empty text removes it. There is none when stderr is no terminal, nor once text has been
   * written to a stdout that is one. A function is for what changes often: it is asked ten times a second at most.
   */
  status(text: string | (() => string)): void;
}

const ERASE_LINE = '\r\x1b[K';
const STATUS_MS = 100;

export function openTerminal(): Terminal {
  const { stdout, stderr } = process;
  const controller = new AbortController();
  let interrupted = false;
  let handler: () => boolean = () => false;
  let closed = false;
  let live = stderr.isTTY === true;
  let shown = '';
  let nextStatus = 0;

  process.on('SIGINT', function interrupt() {
    if (handler()) return;
    process.off('SIGINT', interrupt);
    interrupted = true;
    controller.abort();
  });
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    closed = true;
    controller.abort();
  });
  stderr.on('error', () => {}); // nobody is left to tell

  const status = (text: string | (() => string)) => {
    if (!live || (typeof text === 'function' && performance.now() < nextStatus)) return;
    const line = typeof text === 'function' ? text() : text;
    if (line === shown) return;
    stderr.write(ERASE_LINE + line);
    shown = line;
    nextStatus = performance.now() + STATUS_MS;
  };
  return {
    signal: controller.signal,
    hasColours: wantsColours(stdout, process.env),
    get interrupted() {
      return interrupted;
    },
    onInterrupt(first) {
      handler = first;
    },
    async write(text) {
      if (closed || text === '') return;
      status('');
      if (stdout.isTTY) live = false;
      if (!stdout.write(text)) await untilDrained(stdout);
    },
    note(text) {
      status('');
      stderr.write(`${text}\n`);
    },
    status,
  };
}

/** NO_COLOR (no-color.org) goes first; either variable counts where it is not empty, FORCE_COLOR where it is not 0. */
function wantsColours(stream: NodeJS.WriteStream, { NO_COLOR, FORCE_COLOR }: NodeJS.ProcessEnv): boolean {
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== '0';
  return stream.isTTY === true && stream.hasColors();
}

/** Resolves when the stream takes more, or never will. */
function untilDrained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    const events = ['drain', 'close', 'error'] as const;
    const done = () => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}
