"""The same objective by other L-BFGS: how long until its value is within 1e-5 of the optimum. Prints the seconds.

    python solver.py DIRECTORY torch|scipy    (bench/solver.ts writes the directory)
    python solver.py DIRECTORY reference      in float64, on from our solution: prints the optimum's value
"""
import json
import os
import sys
import time

import numpy
import scipy.optimize
import torch

directory, method = sys.argv[1:]
case = json.load(open(f"{directory}/case.json"))
rows, width, classes, strength = (case[name] for name in ("rows", "width", "classes", "strength"))
torch.set_num_threads(int(os.environ.get("THREADS", 2)))
torch.set_flush_denormal(True)
dtype = torch.float64 if method == "reference" else torch.float32
read = lambda name, kind: torch.from_numpy(numpy.fromfile(f"{directory}/{name}", kind))
features = read("features", "float32")[: rows * width].reshape(rows, width).to(dtype)
labels = read("labels", "int32")[:rows].long()
loss = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
size = classes * width


class Reached(Exception):
    pass


def value_and_gradient(weight, bias):
    weight.requires_grad_(True), bias.requires_grad_(True)
    value = loss(torch.nn.functional.linear(features, weight, bias), labels) + strength / 2 * weight.square().sum()
    value.backward()
    return value.item()


def watched(value):
    if method != "reference" and value <= case["optimum"] * (1 + 1e-5):
        raise Reached
    return value


def by_scipy(start):
    def f(x):
        weight = torch.from_numpy(x[:size].reshape(classes, width)).to(dtype)
        bias = torch.from_numpy(x[size:]).to(dtype)
        value = value_and_gradient(weight, bias)
        return watched(value), torch.cat([weight.grad.flatten(), bias.grad]).double().numpy()

    limits = {"maxcor": 10, "ftol": 0, "gtol": 0, "maxiter": 3000, "maxfun": 3000}
    return scipy.optimize.minimize(f, start, jac=True, method="L-BFGS-B", options=limits)


def by_torch():
    weight = torch.zeros(classes, width, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    search = dict(line_search_fn="strong_wolfe", tolerance_grad=0, tolerance_change=0)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=3000, max_eval=3000, history_size=10, **search)

    def closure():
        optimizer.zero_grad()
        value = value_and_gradient(weight, bias)
        return torch.tensor(watched(value))

    optimizer.step(closure)


def by_scipy_whitened(start):
    """From our solution on, in coordinates in which the loss bends about alike, or L-BFGS does not get to the end."""
    x = torch.cat([features, torch.ones(rows, 1, dtype=dtype)], 1)
    moments = 0.2 / classes * (x.T @ x) / rows + strength * torch.eye(width + 1, dtype=dtype)
    moments[-1, -1] -= strength * (1 - 1e-6)
    to = torch.linalg.inv(torch.linalg.cholesky(moments))
    first = torch.cat([start[:size].reshape(classes, width), start[size:, None]], 1)

    def f(z):
        at = first + torch.from_numpy(z).reshape(classes, -1) @ to
        weight, bias = at[:, :-1].clone(), at[:, -1].clone()
        value = value_and_gradient(weight, bias)
        return value, (torch.cat([weight.grad, bias.grad[:, None]], 1) @ to.T).flatten().numpy()

    limits = {"maxcor": 20, "ftol": 1e-13, "gtol": 0, "maxiter": 200, "maxfun": 300}
    return scipy.optimize.minimize(f, numpy.zeros(first.numel()), jac=True, method="L-BFGS-B", options=limits)


if method == "reference":
    found = by_scipy_whitened(read("solution", "float32").double())
    print(json.dumps({"optimum": found.fun, "iterations": found.nit}))
else:
    started = time.perf_counter()
    try:
        by_torch() if method == "torch" else by_scipy(numpy.zeros(size + classes))
        print("not reached", file=sys.stderr)
        print(float("nan"))
    except Reached:
        print(time.perf_counter() - started)
