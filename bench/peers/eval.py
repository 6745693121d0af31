"""timm's validation loop (validate.py: create_dataset, create_loader, inference_mode, cross-entropy, top-1 and top-5) of
EfficientNet-B0 over val/ of a directory. Prints pictures a second, of the second pass: the first compiles and warms up.

    python eval.py DIRECTORY [--compile] [--batch N] [--workers N] [--threads N] [--contiguous]
"""
import argparse
import time

import timm
import torch
from timm.data import create_dataset, create_loader, resolve_data_config
from timm.utils import AverageMeter, accuracy

parser = argparse.ArgumentParser()
parser.add_argument("directory")
parser.add_argument("--compile", action="store_true")
parser.add_argument("--contiguous", action="store_true")
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--workers", type=int, default=1)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()

torch.set_num_threads(args.threads)
torch.set_flush_denormal(True)
torch.manual_seed(0)
layout = torch.contiguous_format if args.contiguous else torch.channels_last
model = timm.create_model("efficientnet_b0", num_classes=1000).eval().to(memory_format=layout)
config = resolve_data_config({"input_size": (3, 224, 224), "crop_pct": 0.875, "interpolation": "bicubic"}, model=model)
if args.compile:
    # Folds BatchNorm into convolutions, as an inference graph does.
    import torch._inductor.config
    torch._inductor.config.freezing = True
    model = torch.compile(model)
dataset = create_dataset(root=args.directory + "/val", name="")
criterion = torch.nn.CrossEntropyLoss()


def validate():
    loader = create_loader(
        dataset, input_size=config["input_size"], batch_size=args.batch, use_prefetcher=False,
        interpolation=config["interpolation"], mean=config["mean"], std=config["std"], num_workers=args.workers,
        crop_pct=config["crop_pct"], pin_memory=False, device=torch.device("cpu"))
    losses, top1, top5 = AverageMeter(), AverageMeter(), AverageMeter()
    started = time.perf_counter()
    with torch.inference_mode():
        for pixels, target in loader:
            output = model(pixels.to(memory_format=layout))
            loss = criterion(output, target)
            acc1, acc5 = accuracy(output, target, topk=(1, 5))
            losses.update(loss.item(), pixels.size(0))
            top1.update(acc1.item(), pixels.size(0))
            top5.update(acc5.item(), pixels.size(0))
    return top1.count / (time.perf_counter() - started)


validate()
print(validate())
