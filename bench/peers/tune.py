"""FixRes fine-tuning (arXiv 1906.06423, section 4.2; 2003.08237) as published, in PyTorch: all frozen but the classifier, or the
classifier and the last BatchNorm, which is in training mode; the test's preprocessing; every picture is decoded and goes through the
trunk in every epoch. MODEL is a model directory of fixres, DATA holds train/ and val/. Prints one JSON object: seconds of each epoch
and of all from files to the last validation, accuracies, and the class that each picture of val/ is taken for, before and after.
What prepares alone (imports, reading weights, compiling, starting workers' code) is not in the seconds.

    python tune.py MODEL DATA --resolution R [--mode classifier|classifier+bn] [--epochs N] [--validate-each-epoch] [--eager]
"""
import argparse
import json
import resource
import time

import timm
import torch
from safetensors.torch import load_file
from torch import nn
from torchvision import transforms
from torchvision.datasets import ImageFolder

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("data")
parser.add_argument("--resolution", type=int, required=True)
parser.add_argument("--mode", choices=["classifier", "classifier+bn"], default="classifier+bn")
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--base-learning-rate", type=float, default=1e-3)
parser.add_argument("--decay-epochs", type=int, default=30)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--validate-each-epoch", action="store_true", help="as the published code does")
parser.add_argument("--eager", action="store_true", help="without torch.compile")
parser.add_argument("--trunk-batch", type=int, default=0, help="pictures at a time in the trunk; the batch unless given")
parser.add_argument("--workers", type=int, default=1)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()

torch.set_num_threads(args.threads)
torch.set_flush_denormal(True)
torch.manual_seed(args.seed)
spec = json.load(open(f"{args.model}/model.json"))
given, classes = spec["input"], len(spec["classes"])


def network():
    if "width" not in spec and "depth" not in spec:
        return timm.create_model(spec["arch"], num_classes=classes)
    factors = {"channel_multiplier": spec.get("width", 1.0), "depth_multiplier": spec.get("depth", 1.0)}
    return timm.models.efficientnet._gen_efficientnet(spec["arch"], **factors, num_classes=classes)


model = network()
model.load_state_dict(load_file(f"{args.model}/weights.safetensors"))
model = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
mean = torch.tensor(given["mean"]).mul(255).view(1, 3, 1, 1)
scale = torch.tensor(given["std"]).mul(255).reciprocal().view(1, 3, 1, 1)
with_norm = args.mode == "classifier+bn"
top = [model.bn2, model.classifier] if with_norm else [model.classifier]
for module in top:
    module.requires_grad_(True)
if with_norm:
    model.bn2.train()


class Trunk(nn.Module):
    """What is frozen: from bytes to the last convolution, or to the pooled features."""

    def __init__(self):
        super().__init__()
        self.stem, self.bn1, self.blocks, self.conv_head = model.conv_stem, model.bn1, model.blocks, model.conv_head
        self.bn2, self.pool = (None, None) if with_norm else (model.bn2, model.global_pool)

    def forward(self, pixels):
        x = ((pixels.float() - mean) * scale).to(memory_format=torch.channels_last)
        x = self.conv_head(self.blocks(self.bn1(self.stem(x))))
        return x if with_norm else self.pool(self.bn2(x))


def logits_of(features):
    return model.classifier(model.global_pool(model.bn2(features)) if with_norm else features)


trunk = Trunk()
if not args.eager:
    # Folds BatchNorm into convolutions, as an inference graph does.
    import torch._inductor.config
    torch._inductor.config.freezing = True
    trunk = torch.compile(trunk)
piece = args.trunk_batch or args.batch


def features_of(pixels):
    # A batch that is not full is filled up, so that nothing is compiled again.
    rest = -pixels.shape[0] % piece
    filled = torch.cat([pixels, pixels.new_zeros(rest, *pixels.shape[1:])]) if rest else pixels
    with torch.no_grad():
        found = [trunk(filled[i : i + piece]) for i in range(0, filled.shape[0], piece)]
    return (found[0] if len(found) == 1 else torch.cat(found))[: pixels.shape[0]]


modes = {name: getattr(transforms.InterpolationMode, name.upper()) for name in ["bilinear", "bicubic"]}
transform = transforms.Compose([
    transforms.Resize(int(args.resolution / given["cropRatio"]), modes[given["interpolation"]]),
    transforms.CenterCrop(args.resolution),
    # Bytes: a quarter of what floats would take between processes.
    transforms.PILToTensor(),
])
train = ImageFolder(f"{args.data}/train", transform)
val = ImageFolder(f"{args.data}/val", transform)
common = {"batch_size": args.batch, "num_workers": args.workers, "persistent_workers": args.workers > 0}
train_loader = torch.utils.data.DataLoader(train, shuffle=True, drop_last=True, **common)
val_loader = torch.utils.data.DataLoader(val, **common)


@torch.no_grad()
def validate():
    if with_norm:
        model.bn2.eval()
    guesses = torch.cat([logits_of(features_of(pixels)).argmax(1) for pixels, _ in val_loader])
    if with_norm:
        model.bn2.train()
    return guesses


accuracy = lambda guesses: (guesses == torch.tensor(val.targets)).float().mean().item()
trained = [p for module in top for p in module.parameters()]
optimizer = torch.optim.SGD(
    trained, 8 * args.base_learning_rate * args.batch / 512, momentum=0.9, weight_decay=1e-4)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, args.decay_epochs, 0.1)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)

for _ in range(2):
    features_of(torch.zeros(args.batch, 3, args.resolution, args.resolution, dtype=torch.uint8))


def cpu_seconds(who):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


own_before, workers_before = cpu_seconds(resource.RUSAGE_SELF), cpu_seconds(resource.RUSAGE_CHILDREN)
started = time.perf_counter()
before = validate()
before_seconds = time.perf_counter() - started
losses, epoch_seconds, each = [], [], []
for epoch in range(args.epochs):
    epoch_started = time.perf_counter()
    total = 0.0
    for pixels, labels in train_loader:
        loss = criterion(logits_of(features_of(pixels)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    schedule.step()
    losses.append(total / len(train_loader))
    epoch_seconds.append(time.perf_counter() - epoch_started)
    if args.validate_each_epoch and epoch + 1 < args.epochs:
        each.append(accuracy(validate()))
after_started = time.perf_counter()
after = validate()
seconds = time.perf_counter() - started
after_seconds = time.perf_counter() - after_started
own = cpu_seconds(resource.RUSAGE_SELF) - own_before
# Workers count once they have ended.
train_loader._iterator = val_loader._iterator = None
print(json.dumps({
    "seconds": seconds,
    "epochSeconds": epoch_seconds,
    "cpuSeconds": own + cpu_seconds(resource.RUSAGE_CHILDREN) - workers_before,
    "validationSeconds": [before_seconds, after_seconds],
    "losses": losses,
    "before": accuracy(before),
    "after": accuracy(after),
    "eachEpoch": each,
    "names": [path[len(f"{args.data}/val/"):] for path, _ in val.samples],
    "guesses": {"before": before.tolist(), "after": after.tolist()},
}))
