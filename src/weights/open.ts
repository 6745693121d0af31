import { openFile } from "../files.js";
import { openSafetensors } from "./safetensors.js";
import type { WeightSource } from "./source.js";
import { tensorflowPrefix } from "./tensorflow/prefix.js";

/** What a zip archive and a pickle of protocol 2 begin with; PyTorch writes one or the other. */
const TORCH = ["504b", "8002"];

/**
 * Opens weights in any known format. A file is told by its first bytes: safetensors, or a PyTorch checkpoint, new or old. TensorFlow's
 * checkpoints are told by their names. The reader of a format is loaded when it is needed.
 * @param path - a file; for TensorFlow the prefix of the checkpoint's files, one of them, or their folder
 * @throws {DataError} where it is missing or malformed
 */
export async function openWeights(path: string): Promise<WeightSource> {
  const prefix = await tensorflowPrefix(path);
  if (prefix !== null) return (await import("./tensorflow/checkpoint.js")).openTensorflowCheckpoint(prefix);
  const file = await openFile(path, "weight file");
  const start = Buffer.alloc(2);
  try {
    await file.read(start, 0, 2, 0);
  } finally {
    await file.close();
  }
  if (!TORCH.includes(start.toString("hex"))) return openSafetensors(path);
  return (await import("./pytorch/checkpoint.js")).openTorchCheckpoint(path);
}
