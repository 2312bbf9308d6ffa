/**
 * Where the threads of a team meet: words at the beginning of the first of its shared memories. Like opcodes.ts, this file is compiled by both TypeScript
 * and AssemblyScript, so it holds numbers only.
 *
 * Words that different threads write at different times lie on cache lines of their own.
 *
 *    64  JOB        number of the job: workers wait for it to change        written by thread 0, once a program
 *    68    PROGRAM  address of the job's program
 *    72    OPS      its ops
 *    76    RESTING  workers that sleep on JOB
 *    80    MEMORY   number of the memory that the program lies in, and works on
 *   128  ARRIVED    threads that have come to the meeting                   written by every thread, once a meeting
 *   192  MEETING    number of the meeting: those who came wait for the next written by the last to come
 *   196    SLEEPING threads that sleep on MEETING
 *   256  FAILED     1 once a worker has failed, or the team is dismissed    written at the end
 */

export const JOB = 64;
export const PROGRAM = 68;
export const OPS = 72;
export const RESTING = 76;
export const MEMORY = 80;
export const ARRIVED = 128;
export const MEETING = 192;
export const SLEEPING = 196;
export const FAILED = 256;

/** Here the block ends, and an arena's first region may begin. */
export const TEAM_END = 320;

/** The number of the job that is no job: workers leave. Jobs count from 1 to 2^30 and then from 1 again. */
export const NO_MORE = -1;
/** The memory that is no memory: a worker's work is over. */
export const NOWHERE = -1;
