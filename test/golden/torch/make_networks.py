"""The narrowest B0 of timm, torchvision and lukemelas, each saved by its own library's means, and its logits at an even and an odd
side. Run in this folder; torch 2.15, timm 1.0.31, torchvision 0.30, efficientnet-pytorch 0.7.1, safetensors wrote what is here.

Weights are rounded to float16, to be half as long; the logits are those of the rounded ones, in float64."""
import json
from functools import partial

import numpy as np
import timm.models.efficientnet as timm_efficientnet
import torch
import torchvision.models.efficientnet as torchvision_efficientnet
from efficientnet_pytorch import EfficientNet
from efficientnet_pytorch.utils import efficientnet
from safetensors.torch import save_file

WIDTH, DEPTH, CLASSES, SIDES = 0.05, 0.25, 5, (64, 65)


def timm_network():
    return timm_efficientnet._gen_efficientnet(
        "tf_efficientnet_b0",
        channel_multiplier=WIDTH,
        depth_multiplier=DEPTH,
        num_classes=CLASSES,
        pad_type="same",
        norm_layer=partial(torch.nn.BatchNorm2d, eps=1e-3),
    )


def torchvision_network():
    blocks, last = torchvision_efficientnet._efficientnet_conf("efficientnet_b0", width_mult=WIDTH, depth_mult=DEPTH)
    return torchvision_efficientnet.EfficientNet(blocks, 0.2, num_classes=CLASSES, last_channel=last)


def lukemelas_network():
    # Without a side of its own it pads by the picture's.
    blocks, params = efficientnet(WIDTH, DEPTH, dropout_rate=0.2, drop_connect_rate=0.2, image_size=None, num_classes=CLASSES)
    # The strides of first blocks are lists, for which it never adds a shortcut; no published width has one there, this one has.
    return EfficientNet([block._replace(stride=block.stride[0]) for block in blocks], params)


def picture(side):
    return torch.from_numpy((np.arange(side * side * 3) * 7919 % 256).reshape(1, side, side, 3)).permute(0, 3, 1, 2) / 255


expected = {}
for name, make in {"timm": timm_network, "torchvision": torchvision_network, "lukemelas": lukemelas_network}.items():
    torch.manual_seed(0)
    network = make().eval()
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.weight.data.uniform_(0.5, 1.5)
            norm.bias.data.normal_(0, 0.2)
            norm.running_mean.normal_(0, 0.2)
            norm.running_var.uniform_(0.5, 1.5)
    state = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    if name == "timm":
        save_file(state, "network.timm.safetensors")
    else:
        torch.save(state, f"network.{name}.pth")
    network.load_state_dict(state)
    network.double()
    with torch.no_grad():
        expected[name] = {side: network(picture(side).double())[0].tolist() for side in SIDES}
json.dump(expected, open("logits.json", "w"))
