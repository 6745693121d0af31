import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { folderOf } from "../pictures.testing.js";
import { eventRecord, eventsHeader } from "./events.js";
import { type MetricsLine, openMetrics } from "./metrics.js";

const step = (n: number): MetricsLine => ({ kind: "step", step: n, epoch: 1, learningRate: 0.5, loss: 1 / n });
const epoch: MetricsLine = {
  ...{ kind: "epoch", step: 2, epoch: 1, learningRate: 0.25, trainLoss: 0.75, trainTop1: 0.5, badPictures: 0 },
  val: { top1: 0.5, top5: 1, loss: 0.625, n: 8 },
};

it("writes TensorBoard's records byte for byte", () => {
  // tensorboard 2.21: RecordWriter of Event(wall_time=step, ...).SerializeToString().
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  expect(hex(eventsHeader())).toBe("0f000000000000006d532b091a0d627261696e2e4576656e743a32fc985129");
  expect(hex(eventRecord({ step: 300, scalars: { "train/loss": 0.5, "val/top1": 0.1 } }))).toBe(
    "3200000000000000241956ec090000000000c0724010ac022a240a110a0a747261696e2f6c6f7373150000003f0a0f0a0876616c2f746f703115cdcccc3d4348a736",
  );
});

it("keeps all lines, a table of epochs and events, which a rewound run makes anew", async () => {
  const directory = await folderOf({});
  const read = (name: string): Promise<Buffer> => readFile(join(directory, name));
  const first = await openMetrics(directory);
  await first.rewind(0);
  await first.log(step(1));
  const bytes = await first.log(step(2));
  await first.log(epoch);
  await first.close();
  const files = ["metrics.jsonl", "metrics.csv", "events.out.tfevents.fixres"];
  const whole = await Promise.all(files.map(read));
  expect(whole[1]!.toString()).toBe(
    "epoch,step,learning_rate,train_loss,train_top1,val_loss,val_top1,val_top5,val_pictures,bad_pictures\n1,2,0.25,0.75,0.5,0.625,0.5,1,8,0\n",
  );
  const second = await openMetrics(directory);
  await second.rewind(bytes);
  expect((await read("metrics.csv")).toString()).not.toContain("\n1,");
  await second.log(epoch);
  expect(await second.epochs()).toEqual([epoch]);
  await second.close();
  expect(await Promise.all(files.map(read))).toEqual(whole);
});
