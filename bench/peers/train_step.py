"""A full training step of timm's EfficientNet-B0 in PyTorch: forward, backward, SGD with momentum. Prints pictures a second.

    python train_step.py RESOLUTION BATCH [--contiguous] [--compile]
"""
import statistics
import sys
import time

import timm
import torch

resolution, batch = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(2)
torch.set_flush_denormal(True)
torch.manual_seed(0)
layout = torch.contiguous_format if "--contiguous" in sys.argv else torch.channels_last
model = timm.create_model("efficientnet_b0", num_classes=1000, drop_rate=0.0).train().to(memory_format=layout)
if "--compile" in sys.argv:
    model = torch.compile(model)
optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-5)
loss = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
x = torch.randn(batch, 3, resolution, resolution).to(memory_format=layout)
y = torch.arange(batch) * 17 % 1000


def step():
    optimizer.zero_grad()
    loss(model(x), y).backward()
    optimizer.step()


for _ in range(3):
    step()
seconds = []
for _ in range(10):
    started = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - started)
print(batch / statistics.median(seconds))
