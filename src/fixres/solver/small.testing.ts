import { memoryRows } from "./rows.js";

/** A problem of 60 rows with 6 features in 4 classes that a Python script makes too (solve.test.ts). */
export const [ROWS, WIDTH, CLASSES] = [60, 6, 4];

export const FEATURES = Float32Array.from({ length: ROWS * WIDTH }, (_, at) => {
  const [i, j] = [Math.floor(at / WIDTH), at % WIDTH];
  return Math.sin(1 + 1.7 * i + 2.3 * j * (1 + (i % 4))) + (i % 4 === j % 4 ? 0.5 : 0) + 0.2 * j;
});
export const LABELS = Int32Array.from({ length: ROWS }, (_, i) => i % CLASSES);
export const START = {
  weight: Float32Array.from({ length: CLASSES * WIDTH }, (_, i) => 0.1 * Math.cos(i)),
  bias: new Float32Array(CLASSES),
};

/** The problem's rows in chunks of 32, so that the last one is shorter. */
export const smallRows = (labels = LABELS) => memoryRows(FEATURES, labels, WIDTH, 32);
