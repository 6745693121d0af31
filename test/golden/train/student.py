"""Makes student.json: two steps of SGD by PyTorch on labelled rows (smoothed) and rows with a teacher's probabilities. Needs torch alone."""
import json
import math
import sys

import torch

ROWS, FEATURES, CLASSES, LABELLED, SMOOTHING, RATE, MOMENTUM = 5, 4, 3, 2, 0.1, 0.3, 0.9

x = torch.tensor([[math.sin(1.3 * (FEATURES * i + j)) for j in range(FEATURES)] for i in range(ROWS)])
labels = torch.tensor([2, 0])
teacher = torch.softmax(torch.tensor([[math.cos(0.7 * (CLASSES * i + j)) * 3 for j in range(CLASSES)] for i in range(ROWS - LABELLED)]), 1)
weight = torch.nn.Parameter(torch.tensor([[math.sin(0.4 * (CLASSES * i + j)) for j in range(CLASSES)] for i in range(FEATURES)]))
optimizer = torch.optim.SGD([weight], RATE, momentum=MOMENTUM)
losses = []
for _ in range(2):
    logits = x @ weight
    labelled = torch.nn.functional.cross_entropy(logits[:LABELLED], labels, label_smoothing=SMOOTHING, reduction="sum")
    unlabelled = torch.nn.functional.cross_entropy(logits[LABELLED:], teacher, reduction="sum")
    # Concatenated, as the paper has it.
    loss = (labelled + unlabelled) / ROWS
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
json.dump({
    "rows": ROWS, "features": FEATURES, "classes": CLASSES, "labels": labels.tolist(), "smoothing": SMOOTHING, "rate": RATE,
    "momentum": MOMENTUM, "teacher": teacher.flatten().tolist(), "losses": losses, "weight": weight.detach().flatten().tolist(),
    "torch": torch.__version__,
}, sys.stdout)
