"""Time ConvNet-C and ResNet-18 and their small-world twins on a GPU: dense, masked, joined and by block kernels.

All forms of a case take turns, round after round; CUDA's events time them. A case is a network, a granularity, a
precision, a task and a batch. A form is a network, the order of its numbers in memory (the twin and the compiled
baseline have channels last), and whether a whole step is replayed from a CUDA graph. The file of results is written
after each case, and cases that are in it already are left out, so a run can be cut short and gone on with:

    python benchmarks/gpu.py --out gpu.json

With `--device cpu --width 0.1 --rounds 1` it can be seen whether it runs where there is no GPU.
"""

import argparse
import copy
import itertools
import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import swann
from swann._files import write_text
from swann.models import create

NETWORKS = {"convnet_c": (0.85, 32, 10), "resnet18": (0.83, 224, 1000)}
"""p, pixels and classes."""

PRECISIONS = ("fp32", "tf32", "bf16")
LAYOUTS = {"plain": torch.contiguous_format, "channels_last": torch.channels_last}
Step = Callable[[], Tensor]
_SECONDS, _WARM_UP = 0.02, 3


def main() -> None:
    """Read the options, measure case after case and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=[*NETWORKS], default=[*NETWORKS])
    parser.add_argument("--granularities", nargs="+", type=int, default=[1, 8, 16, 32])
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=[*PRECISIONS])
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 32, 128], help="images at once at inference")
    parser.add_argument("--train-batch", type=int, default=128, help="images of a training step; 0 for none")
    parser.add_argument("--backends", nargs="+", default=["masked", "joined", "sparse", "auto"])
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=[*LAYOUTS], help="of the baseline")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--no-compile", action="store_true", help="leave out the compiled baseline")
    parser.add_argument("--no-graphs", action="store_true", help="leave the recorded CUDA graphs out")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu.json"))
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device: nothing was measured")
    torch.backends.cudnn.benchmark = True
    found = json.loads(options.out.read_text()) if options.out.is_file() else {"machine": [], "cases": []}
    found["machine"].append(machine(options.device))
    done = {key_of(case) for case in found["cases"]}
    tasks = [("inference", batch) for batch in options.batches]
    tasks += [("training step", options.train_batch)] if options.train_batch else []
    for name, granularity in itertools.product(options.networks, options.granularities):
        networks = None
        for precision, (task, batch) in itertools.product(options.precisions, tasks):
            case = {
                "network": name, "width": options.width, "granularity": granularity, "precision": precision,
                "task": task, "batch": batch,
            }  # fmt: skip
            if key_of(case) in done:
                continue
            networks = networks or make_networks(name, granularity, options)
            case["machine"] = len(found["machine"]) - 1
            case |= measure(case, *networks, options)
            found["cases"].append(case)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            write_text(options.out, json.dumps(found, indent=1) + "\n")
            report(case)


def make_networks(name: str, granularity: int, options: argparse.Namespace) -> tuple[nn.Module, nn.Module, Tensor]:
    """Return a network and its twin, both on the CPU, and an example."""
    p, pixels, classes = NETWORKS[name]
    model = create(f"swann:{name}", in_channels=3, n_classes=classes, image_size=pixels, width=options.width, seed=0)
    example = torch.zeros(1, 3, pixels, pixels)
    return model, swann.convert(model, example, p=p, granularity=granularity, seed=0), example


def measure(
    case: dict[str, Any], model: nn.Module, twin: nn.Module, example: Tensor, options: argparse.Namespace
) -> dict[str, Any]:
    """Return the seconds of all forms in a case, what they differ by, and what could not be measured."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(case["batch"], *example.shape[1:], generator=generator).to(options.device)
    classes = NETWORKS[case["network"]][2]
    labels = torch.randint(classes, (case["batch"],), generator=generator).to(options.device)
    set_precision(case["precision"])
    steps: dict[str, Step] = {}
    outputs, memory, left_out = {}, {}, {}
    for form, (network, layout, wrap) in forms_of(model, twin, options).items():
        try:
            torch.manual_seed(0)
            network = copy.deepcopy(network).to(options.device).to(memory_format=layout)
            given = inputs.contiguous(memory_format=layout)
            make = inference if case["task"] == "inference" else training
            make = partial(make, network, given, labels, options.device, case["precision"], compiled="compiled" in wrap)
            steps[form], outputs[form], memory[form] = recorded(make) if "graph" in wrap else prepared(make, options)
        except Exception as error:  # one form that fails leaves the others to be measured
            left_out[form] = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    repeats = {form: repeats_of(step, options.device) for form, step in steps.items()}
    seconds: dict[str, list[float]] = {form: [] for form in steps}
    for _ in range(options.rounds):
        for form, step in steps.items():
            seconds[form].append(timed(step, repeats[form], options.device))
    medians = {form: statistics.median(values) for form, values in seconds.items()}
    rival = min((form for form in medians if form.startswith("baseline")), key=lambda form: medians[form])
    differences = {}
    for form, output in outputs.items():
        reference = next(outputs[each] for each in outputs if each.split()[0] == form.split()[0])
        differences[form] = float((output - reference).abs().max() / reference.abs().max())
    torch.compiler.reset()
    return {
        "rival": rival, "medians": medians, "ratios": {form: each / medians[rival] for form, each in medians.items()},
        "seconds": seconds, "difference": differences, "peak_bytes": memory, "left_out": left_out,
    }  # fmt: skip


def forms_of(
    model: nn.Module, twin: nn.Module, options: argparse.Namespace
) -> dict[str, tuple[nn.Module, torch.memory_format, str]]:
    """Return each form's network, the order of its numbers in memory, and what is done with it; graphs are CUDA's."""
    graph = options.device == "cuda" and not options.no_graphs
    wraps = ["", *["graph"] * graph]
    forms = {}
    for layout in options.layouts:
        compiled = [f"compiled {wrap}".strip() for wrap in wraps]
        for wrap in [*wraps, *(compiled if layout == "channels_last" and not options.no_compile else [])]:
            forms[name_of("baseline", layout, wrap)] = (model, LAYOUTS[layout], wrap)
    for backend, wrap in itertools.product(options.backends, wraps):
        network = copy.deepcopy(twin).use_backend(backend)
        forms[name_of(f"twin {backend}", "plain", wrap)] = (network, torch.channels_last, wrap)
    return forms


def name_of(what: str, layout: str, wrap: str) -> str:
    """Return a form's name."""
    return " ".join(part for part in (what, layout * (layout != "plain"), wrap) if part)


def inference(network: nn.Module, inputs: Tensor, _: Tensor, device: str, precision: str, *, compiled: bool) -> Step:
    """Return a function that computes outputs without gradients."""
    network = network.eval()
    run = torch.compile(network, dynamic=False) if compiled else network

    def step() -> Tensor:
        with torch.inference_mode(), autocast(device, precision):
            return run(inputs)

    return step


def training(
    network: nn.Module, inputs: Tensor, labels: Tensor, device: str, precision: str, *, compiled: bool
) -> Step:
    """Return a function that does a step of SGD with momentum and returns the loss before it."""
    network = network.train()
    run = torch.compile(network, dynamic=False) if compiled else network
    optimizer = torch.optim.SGD(network.parameters(), 1e-4, momentum=0.9, fused=True)

    def step() -> Tensor:
        with autocast(device, precision):
            loss = F.cross_entropy(run(inputs), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    return step


def prepared(make: Callable[[], Step], options: argparse.Namespace) -> tuple[Step, Tensor, int]:
    """Return a step that was taken before, its first result, and the memory that it takes."""
    step = make()
    output = step().detach().float()
    for _ in range(_WARM_UP):
        step()
    return step, output, peak_memory(step, options.device)


def recorded(make: Callable[[], Step]) -> tuple[Step, Tensor, int]:
    """Return a function that replays a step from a CUDA graph, the step's first result, and 0."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # where the step is taken first, for gradients are added up where they were made
        step = make()
        first = step().detach().float()
        for _ in range(_WARM_UP):
            step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        output = step()

    def replay(_: Step = step) -> Tensor:  # the network must not be freed
        graph.replay()
        return output

    replay()
    torch.cuda.synchronize()
    return replay, first, 0


def autocast(device: str, precision: str) -> Any:
    """Return the context that a precision is computed in."""
    return torch.autocast(device, torch.bfloat16) if precision == "bf16" else nullcontext()


def set_precision(precision: str) -> None:
    """Allow TF32 in all products, or forbid it."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "fp32"


def timed(step: Step, repeats: int, device: str) -> float:
    """Return the seconds of one call."""
    if device != "cuda":
        before = time.perf_counter()
        for _ in range(repeats):
            step()
        return (time.perf_counter() - before) / repeats
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    for _ in range(repeats):
        step()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3 / repeats


def repeats_of(step: Step, device: str) -> int:
    """Return how many calls last long enough to be timed."""
    return min(max(math.ceil(_SECONDS / timed(step, 1, device)), 1), 200)


def peak_memory(step: Step, device: str) -> int:
    """Return the bytes that a step needs beside what it keeps."""
    if device != "cuda":
        return 0
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def key_of(case: dict[str, Any]) -> tuple[Any, ...]:
    """Return what tells a case from others."""
    return tuple(case[name] for name in ("network", "width", "granularity", "precision", "task", "batch"))


def machine(device: str) -> dict[str, Any]:
    """Return what the figures are measured on."""
    try:
        triton = version("triton")
    except PackageNotFoundError:
        triton = None
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
        "torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(),
        "triton": triton, "python": platform.python_version(), "date": time.strftime("%Y-%m-%d"),
        "command": " ".join(sys.argv),
    }  # fmt: skip


def report(case: dict[str, Any]) -> None:
    """Print a table of a case."""
    about = ("network", "granularity", "precision", "task", "batch")
    print("\n" + ", ".join(f"{name} {case[name]}" for name in about), flush=True)
    print("| form | median ms | quartiles | ratio | peak MB | difference |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for form, values in case["seconds"].items():
        lower, _, upper = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        print(
            f"| {form} | {1e3 * case['medians'][form]:.3f} | {1e3 * lower:.3f}–{1e3 * upper:.3f} "
            f"| {case['ratios'][form]:.2f} | {case['peak_bytes'][form] / 2**20:.0f} | {case['difference'][form]:.1g} |"
        )
    for form, reason in case["left_out"].items():
        print(f"left out: {form}: {reason}")


if __name__ == "__main__":
    main()
