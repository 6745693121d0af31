"""Small checkpoints by torch.save, and the names and shapes of real state dicts. Run in this folder; torch 2.15, timm 1.0.31,
torchvision 0.30, efficientnet-pytorch 0.7.1 wrote what is here."""
import argparse
import json
from collections import OrderedDict

import torch

a = torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4
base = torch.arange(10, dtype=torch.float32)
tensors = OrderedDict(
    float=a, double=a.double(), half=a.half(), bfloat=a.bfloat16(), long=torch.tensor([-1, 2**40]), int=torch.tensor([7], dtype=torch.int32),
    short=torch.tensor([-5], dtype=torch.int16), char=torch.tensor([-128], dtype=torch.int8), byte=torch.tensor([255], dtype=torch.uint8),
    bool=torch.tensor([True, False]), transposed=a.t(), every_second=base[1::2], shared=base[3:5], scalar=torch.tensor(2.5), empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(a[0].clone()),
)
torch.save(tensors, "zip.pth")
torch.save(tensors, "legacy.pth", _use_new_zipfile_serialization=False)
wrapped = {"module." + k: v for k, v in tensors.items()}
torch.save({"epoch": 3, "args": argparse.Namespace(lr=0.1, names=["x"]), "state_dict": {"float": a * 0}, "state_dict_ema": wrapped}, "nested.pth")
torch.save([1, 2], "no_tensors.pth")
torch.serialization.set_crc32_options(False)
torch.save(OrderedDict(a=a), "no_checksums.pth")
torch.serialization.set_crc32_options(True)

import timm
import torchvision
from efficientnet_pytorch import EfficientNet

names = lambda m: {k: list(v.shape) for k, v in m.state_dict().items() if not k.endswith("num_batches_tracked")}
json.dump(
    {
        "timm": names(timm.create_model("tf_efficientnet_b0")),
        "torchvision": names(torchvision.models.efficientnet_b0(weights=None)),
        "lukemelas": names(EfficientNet.from_name("efficientnet-b0")),
    },
    open("names.json", "w"),
)
