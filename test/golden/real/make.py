"""ReaL top-1 and top-5 of random predictions by timm's RealLabelsImagenet, for src/evaluate/real.test.ts.

    python make.py > timm.json      (timm 1.0.31, PyTorch 2.15)
"""
import json
import tempfile

import torch
from timm.data import RealLabelsImagenet

N, CLASSES = 60, 12
g = torch.Generator().manual_seed(3)
labels = []
for i in range(N):
    count = int(torch.randint(0, 4, (1,), generator=g))
    labels.append(torch.randperm(CLASSES, generator=g)[:count].tolist())
order = (torch.randperm(N, generator=g) + 1).tolist()
logits = torch.randn(N, CLASSES, generator=g)
for row, number in enumerate(order):
    if labels[number - 1] and row % 3:
        logits[row, labels[number - 1][-1]] += 1.5
with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    json.dump(labels, file)
    file.flush()
    real = RealLabelsImagenet([f"x/ILSVRC2012_val_{number:08d}.JPEG" for number in order], real_json=file.name)
real.add_result(logits)
print(json.dumps({"classes": CLASSES, "labels": labels, "order": order,
                  "logits": [round(x, 6) for x in logits.flatten().tolist()],
                  "top1": real.get_accuracy(1), "top5": real.get_accuracy(5)}))
