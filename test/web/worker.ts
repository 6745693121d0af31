import { loadClassifier } from "fixres/web";

addEventListener("message", async ({ data: { model, source } }) => {
  const classifier = await loadClassifier(model);
  postMessage(await classifier.classify(source));
});
