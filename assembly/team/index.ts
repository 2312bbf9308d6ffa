/**
 * Threads that run one program together: a module of its own beside the kernels, because it is the only one with atomic instructions, which
 * not every host takes outside shared memory. It imports the memory in which the threads meet, and `runProgram` of kernels that work on
 * one of the team's memories: there is an instance of this module for each of them, and all instances meet in the first memory.
 *
 *   thread 0   lead ──► stretch ──► meet ──► stretch ──► meet ──► back to the host
 *   thread 1   serve ─► stretch ──► meet ──► stretch ──► meet ──► waits for the next job
 *
 * A stretch is what the threads can run without looking at each other's results (program.ts). Who comes to a meeting early spins, since
 * the others are seldom more than some microseconds behind, and then sleeps; the page's own thread may not sleep, and goes on spinning.
 */
import { OP_WORDS } from '../../src/engine/opcodes';
import * as block from '../../src/engine/team-block';

/** Runs thread's share of the ops from `program` on, to where the threads must meet. @returns how many ops that was */
// @ts-ignore: decorator
@external('env', 'runProgram')
declare function runProgram(program: usize, ops: i32, thread: i32, threads: i32): i32;

const OP_BYTES = OP_WORDS << 2;

/**
 * Looks at a word before sleeping: about 20 microseconds at the half nanosecond that a look takes on today's processors. Fewer do not pay: to
 * be woken takes 5 to 10 microseconds, so who sleeps at one meeting is late for the next, and a scheduler that sees sleepers puts them
 * on one processor. With looks that adapt to what the last meetings took, two threads decoded q8 1.2 times as fast as one; with these, 1.8.
 */
const SPINS: i32 = 40_000;

/**
 * A sleep in a meeting ends after this many nanoseconds; after as many sleeps as a thread has patience for, the others are given up. They
 * are counted, not one long sleep taken: a computer that stands still in between uses up one of them.
 */
const SLEEP: i64 = 1_000_000_000;
const WORKERS_PATIENCE: i32 = 30;

/** Who may not sleep looks at the meeting after ever longer pauses, of PAUSE steps in the end, and gives up after ROUNDS: a minute or so. */
const PAUSE: i32 = 1_000;
const ROUNDS: i32 = 30_000_000;

/**
 * Thread 0 runs a program together with the workers.
 *
 * @param memory   number of the memory that this instance's `runProgram` works on
 * @param patience sleeps after which a meeting is given up; 0 where this thread must not sleep
 * @returns 1 when all of it is done; 0 when a worker has failed or does not come: the memory then holds anything, and the team is lost
 */
export function lead(memory: i32, program: usize, ops: i32, threads: i32, patience: i32): i32 {
  store<u32>(block.PROGRAM, <u32>program);
  store<i32>(block.OPS, ops);
  store<i32>(block.MEMORY, memory);
  const job = atomic.load<i32>(block.JOB);
  atomic.store<i32>(block.JOB, (job & 0x3fff_ffff) + 1);
  if (atomic.load<i32>(block.RESTING) > 0) atomic.notify(block.JOB);
  return <i32>run(program, ops, 0, threads, patience);
}

/**
 * A worker's life in one memory: runs its share of job after job, until one is for another memory. That job is not begun, and goes on until
 * this worker comes, so the instance whose memory it is finds it: it rests for any job but 0, which is none.
 *
 * @param memory  number of the memory that this instance's `runProgram` works on
 * @param thread  1..threads - 1
 * @returns the memory of the next job; NOWHERE after `dismiss`, or when the team is lost
 */
export function serve(memory: i32, thread: i32, threads: i32): i32 {
  let next = memory;
  for (let done = 0; next == memory; ) {
    rest(done);
    done = atomic.load<i32>(block.JOB);
    next = done == block.NO_MORE ? block.NOWHERE : load<i32>(block.MEMORY);
    if (next == memory && !run(<usize>load<u32>(block.PROGRAM), load<i32>(block.OPS), thread, threads, WORKERS_PATIENCE)) {
      next = block.NOWHERE;
    }
  }
  return next;
}

/** Sends the workers home, whether they wait for a job or in a meeting that never ends. */
export function dismiss(): void {
  atomic.store<i32>(block.JOB, block.NO_MORE);
  atomic.notify(block.JOB);
  fail();
}

/** Ends all meetings to come. A worker that cannot go on calls it, so that nobody waits for it. */
export function fail(): void {
  atomic.store<i32>(block.FAILED, 1);
  atomic.notify(block.MEETING);
}

/** Stretch after stretch, with a meeting after each. */
function run(program: usize, ops: i32, thread: i32, threads: i32, patience: i32): bool {
  for (let done = 0; done < ops; ) {
    done += runProgram(program + <usize>done * OP_BYTES, ops - done, thread, threads);
    if (!meet(threads, patience)) return false;
  }
  return true;
}

/** Waits until all threads are here: what any of them has written is then seen by all. @returns false when one will not come */
function meet(threads: i32, patience: i32): bool {
  // Read before arriving: no meeting ends without this thread.
  const meeting = atomic.load<i32>(block.MEETING);
  if (atomic.add<i32>(block.ARRIVED, 1) == threads - 1) {
    atomic.store<i32>(block.ARRIVED, 0);
    atomic.store<i32>(block.MEETING, meeting + 1);
    if (atomic.load<i32>(block.SLEEPING) > 0) atomic.notify(block.MEETING);
    return true;
  }
  for (let i = 0; i < SPINS; i++) if (atomic.load<i32>(block.MEETING) != meeting) return true;
  return patience > 0 ? sleep(meeting, patience) : spin(meeting);
}

/**
 * Sleeps until the meeting ends. No wake-up is lost: either whoever ends the meeting sees SLEEPING, which is raised first, or the wait sees
 * the new number, and does not begin.
 */
function sleep(meeting: i32, patience: i32): bool {
  atomic.add<i32>(block.SLEEPING, 1);
  for (let sleeps = 0; sleeps < patience; sleeps++) {
    if (atomic.load<i32>(block.MEETING) != meeting || atomic.load<i32>(block.FAILED)) break;
    // 2: the time is over. A wake-up does not count: it may have been for somebody else.
    if (atomic.wait<i32>(block.MEETING, meeting, SLEEP) != 2) sleeps--;
  }
  atomic.sub<i32>(block.SLEEPING, 1);
  return atomic.load<i32>(block.MEETING) != meeting;
}

/**
 * Spins until the meeting ends. A pause looks at FAILED over and over, whose line nobody writes, and leaves that of the meeting to those
 * who work.
 */
function spin(meeting: i32): bool {
  let pause = 1;
  for (let round = 0; round < ROUNDS; round++) {
    if (atomic.load<i32>(block.MEETING) != meeting) return true;
    for (let i = 0; i < pause; i++) if (atomic.load<i32>(block.FAILED)) return false;
    pause = min(pause + 1, PAUSE);
  }
  return false;
}

/** Waits for another job than `done`. */
function rest(done: i32): void {
  for (let i = 0; i < SPINS; i++) if (atomic.load<i32>(block.JOB) != done) return;
  atomic.add<i32>(block.RESTING, 1);
  while (atomic.load<i32>(block.JOB) == done) atomic.wait<i32>(block.JOB, done);
  atomic.sub<i32>(block.RESTING, 1);
}
