/**
 * Do sessions in threads last, and does memory stay? `npx tsx bench/soak.ts` opens, runs and disposes of B0 at 64 again and again
 * (as an evaluation after each epoch does), then keeps several threads busy at once, and prints what the process holds. A crash
 * ends it, and is the result.
 */
import { architecture, freshModel, inferenceProgram } from "fixres/models";
import { openSession } from "fixres/runtime";

const RESOLUTION = 64;
const BATCH = 16;
const CYCLES = 200;
const THREADS = 6;
const SECONDS = 120;

const model = freshModel(
  architecture("efficientnet_b0"),
  Array.from({ length: 1000 }, (_, i) => String(i)),
  0,
);
const program = inferenceProgram(model, { resolution: RESOLUTION, batch: BATCH });
const pixels = Uint8Array.from({ length: BATCH * RESOLUTION ** 2 * 3 }, (_, i) => (i * 7919) % 251);
const megabytes = (): string => `${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MB`;

for (let cycle = 1; cycle <= CYCLES; cycle++) {
  const session = await openSession(program);
  await session.run({ pixels });
  await session.dispose();
  if (cycle % 25 === 0) console.log(`${cycle} sessions opened and disposed of: ${megabytes()}`);
}

const sessions = await Promise.all(Array.from({ length: THREADS }, () => openSession(program, { threads: 1 })));
const expected = await sessions[0]!.run({ pixels });
const end = performance.now() + SECONDS * 1000;
let runs = 0;
let wrong = 0;
await Promise.all(
  sessions.map(async (session) => {
    while (performance.now() < end) {
      const { logits } = await session.run({ pixels });
      runs++;
      if (logits!.some((value, i) => value !== expected.logits![i])) wrong++;
    }
    await session.dispose();
  }),
);
console.log(`${THREADS} threads at once for ${SECONDS} s: ${runs} runs, ${wrong} that differ, ${megabytes()}`);
