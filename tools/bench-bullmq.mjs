// The peer of tests/benches/platform/queue.rs: BullMQ, empty work. Submitters have a process of
// their own, workers the other; each has a connection of its own. Prints `rate TASKS-PER-SECOND`.
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(process.env.BULLMQ + '/');
const { Queue, Worker } = require('bullmq');

const number = (name) => Number(process.env[name]);
const redis = new URL(process.env.REDIS_URL);
const connection = {
  host: redis.hostname,
  port: Number(redis.port),
  username: redis.username || undefined,
  password: decodeURIComponent(redis.password) || undefined,
  maxRetriesPerRequest: null,
};
const name = `bench-${process.env.BENCH_RUN ?? process.pid}`;
const tasks = number('TASKS'), submitters = number('SUBMITTERS'), perCall = number('PER_CALL');

async function submit() {
  const queues = Array.from({ length: submitters }, () => new Queue(name, { connection }));
  await Promise.all(queues.map((queue) => queue.waitUntilReady()));
  process.send('ready');
  await new Promise((go) => process.once('message', go));
  const share = Math.floor(tasks / submitters);
  // Nothing is kept of what is done, as in ours.
  const opts = { removeOnComplete: true, removeOnFail: true };
  await Promise.all(queues.map(async (queue, n) => {
    for (let i = 0; i < share; i += perCall) {
      const jobs = Array.from({ length: Math.min(perCall, share - i) },
        (_, j) => ({ name: 'task', data: { id: n * share + i + j }, opts }));
      await (perCall === 1 ? queue.add('task', jobs[0].data, opts) : queue.addBulk(jobs));
    }
  }));
  await Promise.all(queues.map((queue) => queue.close()));
  process.disconnect();
}

async function work() {
  const all = Math.floor(tasks / submitters) * submitters;
  let done = 0, finish;
  const finished = new Promise((resolve) => { finish = resolve; });
  const workers = Array.from({ length: number('WORKERS') }, () => {
    const worker = new Worker(name, async () => {}, { connection, concurrency: 1 });
    worker.on('completed', () => { done += 1; if (done === all) finish(); });
    worker.on('error', (error) => { console.error(error); process.exit(1); });
    return worker;
  });
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  const child = fork(fileURLToPath(import.meta.url), ['submit'],
    { env: { ...process.env, BENCH_RUN: String(process.pid) } });
  await new Promise((ready) => child.once('message', ready));
  const started = performance.now();
  child.send('go');
  await finished;
  console.log(`rate ${(all / (performance.now() - started) * 1e3).toFixed(0)}`);
  await Promise.all(workers.map((worker) => worker.close()));
  const queue = new Queue(name, { connection });
  await queue.obliterate({ force: true });
  await queue.close();
}

await (process.argv[2] === 'submit' ? submit() : work());
