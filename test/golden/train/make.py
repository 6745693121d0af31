"""Makes optimizers.golden.json: what PyTorch's and timm's optimizers make of given gradients. Needs torch and timm, nothing else."""
import json
import math
import sys

import timm
import torch
from timm.models import create_model
from timm.optim import Lamb, RMSpropTF
from timm.optim._param_groups import param_groups_layer_decay

STEPS, RATE = 4, 0.02
SHAPES = {"weight": [2, 3], "bias": [3]}


def value(name, i):
    return math.sin(1.7 * i + len(name))


def gradient(name, step, i):
    return math.cos(0.9 * i + 0.4 * step + len(name)) * (0.5 + 0.25 * step)


def tensor(name, at):
    n = math.prod(SHAPES[name])
    return torch.tensor([at(i) for i in range(n)], dtype=torch.float32).reshape(SHAPES[name])


def run(make, decay, clip=None, rates=None):
    ps = {n: torch.nn.Parameter(tensor(n, lambda i: value(n, i))) for n in SHAPES}
    rates = rates or {}
    groups = [{"params": [p], "weight_decay": decay if n == "weight" else 0.0, "lr": RATE * rates.get(n, 1)} for n, p in ps.items()]
    optimizer = make(groups)
    for step in range(1, STEPS + 1):
        for n, p in ps.items():
            p.grad = tensor(n, lambda i: gradient(n, step, i))
        if clip:
            torch.nn.utils.clip_grad_norm_(list(ps.values()), clip)
        optimizer.step()
    return {n: p.detach().flatten().tolist() for n, p in ps.items()}


def cross_entropy():
    rows = torch.tensor([[1.0, -2, 0.5], [3, 3, -1], [0, 0.25, 2]])
    labels, other, share = [2, 0, 1], [0, 0, 2], [0.75, 0.5, 0.125]
    s, weights = 0.1, [0.5, 1.5, 1.0]
    hot = torch.nn.functional.one_hot
    target = torch.tensor(share)[:, None] * hot(torch.tensor(labels), 3) + (1 - torch.tensor(share))[:, None] * hot(torch.tensor(other), 3)
    ce = torch.nn.functional.cross_entropy
    first = ce(rows, torch.tensor(labels), label_smoothing=s, reduction="none")
    second = ce(rows, torch.tensor(other), label_smoothing=s, reduction="none")
    mix = torch.tensor(share)
    return {
        "logits": rows.flatten().tolist(), "labels": labels, "other": other, "share": share, "smoothing": s, "weights": weights,
        "mixed": float((mix * first + (1 - mix) * second).mean()),
        "weighted": float(ce(rows, hot(torch.tensor(labels), 3).float(), weight=torch.tensor(weights), label_smoothing=s)),
        "mixedWeighted": float(ce(rows, target, weight=torch.tensor(weights), label_smoothing=s)),
    }


def layer_scales():
    model = create_model("efficientnet_b0", num_classes=10)
    names = {id(p): n for n, p in model.named_parameters()}
    found = {}
    for group in param_groups_layer_decay(model, weight_decay=0.0, layer_decay=0.75):
        for p in group["params"]:
            found[names[id(p)]] = group["lr_scale"]
    wanted = ["conv_stem.weight", "bn1.bias", "blocks.0.0.conv_dw.weight", "blocks.2.1.bn2.weight", "blocks.6.0.conv_pwl.weight", "conv_head.weight", "bn2.weight", "classifier.bias"]
    return {n: found[n] for n in wanted}


torch_versions = {"torch": torch.__version__, "timm": timm.__version__}
json.dump(
    {
        "versions": torch_versions, "steps": STEPS, "learningRate": RATE, "shapes": SHAPES,
        "runs": {
            "sgd": run(lambda g: torch.optim.SGD(g, lr=RATE, momentum=0.9), 0.1),
            "rmsprop": run(lambda g: RMSpropTF(g, lr=RATE, alpha=0.9, eps=1e-3, momentum=0.9), 0.1),
            "adamw": run(lambda g: torch.optim.AdamW(g, lr=RATE), 0.1),
            "lamb": run(lambda g: Lamb(g, lr=RATE, max_grad_norm=None), 0.1),
            "sgd, clipped": run(lambda g: torch.optim.SGD(g, lr=RATE, momentum=0.9), 0.1, clip=0.5),
            "lamb, clipped": run(lambda g: Lamb(g, lr=RATE, max_grad_norm=None), 0.1, clip=0.5),
            "adamw, rates": run(lambda g: torch.optim.AdamW(g, lr=RATE), 0.1, rates={"weight": 0.25}),
        },
        "crossEntropy": cross_entropy(),
        "layerScales": layer_scales(),
    },
    sys.stdout, indent=1,
)
