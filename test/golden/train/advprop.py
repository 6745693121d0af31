"""Makes advprop.json: one step of AdvProp in float64, by PyTorch and timm's network. Needs torch and timm, nothing else.

Two BatchNorms in the place of each, one of which is in use at a time; three steps of the attack under the auxiliary ones in test mode;
then the loss of the pictures under the main ones and that of the adversarial ones under the auxiliary ones, both in training mode, and one
update by their sum.
"""
import copy
import json
import math
import sys

import timm
import torch
from timm.models.efficientnet import _gen_efficientnet

BATCH, SIDE, CLASSES, SMOOTHING, RATE = 8, 32, 3, 0.1, 0.1
ATTACK = {"epsilon": 4, "steps": 3, "stepSize": 1.5}
LABELS, OTHER, SHARE = [0, 1, 2, 0, 1, 2, 0, 1], [1, 1, 0, 2, 0, 2, 1, 2], [0.9, 0.5, 0.75, 1, 0.625, 0.5, 0.875, 0.5]
EVERY = 7  # of the adversarial pictures' elements that are kept


class TwoNorms(torch.nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.norms = torch.nn.ModuleDict({"main": norm, "aux": copy.deepcopy(norm)})
        self.which = "main"

    def forward(self, x):
        return self.norms[self.which](x)


def split(module):
    for name, child in module.named_children():
        if isinstance(child, torch.nn.BatchNorm2d):
            setattr(module, name, TwoNorms(child))
        else:
            split(child)


def use(model, which, training):
    model.train(training)
    for module in model.modules():
        if isinstance(module, TwoNorms):
            module.which = which


def ours(name):
    return name.replace(".norms.main.", ".").replace(".norms.aux.", ".aux_bn.0.")


def start(name, shape):
    n = math.prod(shape)
    phase = sum(map(ord, name)) % 97
    wave = torch.sin(1.7 * torch.arange(n, dtype=torch.float64) + phase).reshape(shape)
    if name.endswith("running_var"):
        return 1 + 0.3 * wave
    if name.endswith("running_mean"):
        return 0.1 * wave
    if len(shape) == 1:
        return 1 + 0.2 * wave if name.endswith(".weight") else 0.1 * wave
    return 1.5 * wave / math.sqrt(math.prod(shape[1:]))


def projected(t):
    flat = t.flatten()
    return float((flat * torch.cos(0.3 * torch.arange(len(flat), dtype=torch.float64))).sum())


torch.set_num_threads(1)
model = _gen_efficientnet("efficientnet_b0", channel_multiplier=0.25, depth_multiplier=0.25, num_classes=CLASSES, drop_rate=0.0, drop_path_rate=0.0).double()
split(model)
state = model.state_dict()
model.load_state_dict({k: v if k.endswith("num_batches_tracked") else start(ours(k), v.shape) for k, v in state.items()})

i = torch.arange(BATCH * SIDE * SIDE * 3, dtype=torch.int64)
bytes_ = (i * 7919 + (i % 97) * 31) % 256
noise = (i * 4099 + (i % 89) * 57) % 256
planes = lambda t: t.double().reshape(BATCH, SIDE, SIDE, 3).permute(0, 3, 1, 2)
x = planes(bytes_)

hot = lambda labels: torch.nn.functional.one_hot(torch.tensor(labels), CLASSES).double()
share = torch.tensor(SHARE).double()[:, None]
target = (1 - SMOOTHING) * (share * hot(LABELS) + (1 - share) * hot(OTHER)) + SMOOTHING / CLASSES


def loss_of(pictures):
    logits = model((pictures / 255 - 0.5) / 0.5)
    return -(target * logits.log_softmax(1)).sum(1).mean()


epsilon, size = ATTACK["epsilon"], ATTACK["stepSize"]
low, high = (x - epsilon).clamp(min=0), (x + epsilon).clamp(max=255)
within = lambda v: torch.minimum(torch.maximum(v, low), high)
moved = within(x + (planes(noise) - 127.5) * epsilon / 127.5)
use(model, "aux", False)
for _ in range(ATTACK["steps"]):
    moved.requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss_of(moved), moved)
    moved = within((moved + size * gradient.sign()).detach())

use(model, "main", True)
loss = loss_of(x)
use(model, "aux", True)
auxiliary = loss_of(moved)
(loss + auxiliary).backward()
with torch.no_grad():
    for parameter in model.parameters():
        parameter -= RATE * parameter.grad

after = {ours(k): v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
whole = ["bn1.running_mean", "bn1.running_var", "bn1.aux_bn.0.running_mean", "bn1.aux_bn.0.running_var", "bn1.aux_bn.0.weight", "classifier.bias"]
changed = {k: v - start(k, v.shape) for k, v in after.items()}
json.dump(
    {
        "versions": {"torch": torch.__version__, "timm": timm.__version__},
        "batch": BATCH, "side": SIDE, "smoothing": SMOOTHING, "learningRate": RATE, "attack": ATTACK,
        "labels": LABELS, "otherLabels": OTHER, "share": SHARE,
        "loss": loss.item(), "auxiliaryLoss": auxiliary.item(),
        "every": EVERY, "pictures": [round(v, 3) for v in moved.flatten()[::EVERY].tolist()],
        "after": {k: after[k].flatten().tolist() for k in whole},
        # Of every tensor: how far it moved, and that projected on a wave.
        "changed": {k: [float(v.norm()), projected(v)] for k, v in changed.items()},
    },
    sys.stdout, separators=(",", ":"),
)
