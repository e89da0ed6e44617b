"""Rounds of communication, recorded and resumable, over any of Flower's grids."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch
from flwr.app import ArrayRecord, MetricRecord
from flwr.serverapp import Grid
from torch import nn

from .._errors import FileFormatError, InvalidValueError, OutputError
from ..data import ImageData
from ..train._evaluate import evaluate
from ..train._interrupt import StopRequest, stop_on_interrupt
from ..train._one_process import OneProcess
from ._architecture import Architecture
from ._arrays import record_of_each
from ._checkpoint import Saved, read_checkpoint, write_checkpoint
from ._config import FederatedConfig
from ._history import FederatedHistory, Round
from ._quiet import quiet
from ._secure import SecureGrid
from ._state import counters_of, difference, set_state_, weights_of
from ._strategies import restore_strategy_, strategy_state
from ._strategy import CheckedStrategy

_EVALUATION_BATCH = 1000

OnRound = Callable[[FederatedHistory], None]


class _StopError(Exception):
    """Leaves Flower's loop over the rounds."""


@dataclass
class Rounds:
    """A federated run on the side of the server.

    Args:
        network: trained in place: it has the weights of the last round afterwards.
        architecture: of the network, sent to the clients.
        config: the settings.
        n_clients: that must be there before a round begins.
        n_images: training images of all clients; None for those of the clients that answered.
        data: whose test images errors are measured on; nothing is measured if None.
        checkpoint: file from which an interrupted run can go on, written after every round.
        settings: what else decides the result, for the checkpoint.
        on_round: called after each round with what was recorded so far.
        seeded_noise: see `CheckedStrategy`.
        catch_interrupt: end after the running round at SIGINT; else whoever set a handler before decides, as Flower
            does in its own processes, where the signal means that the rest of it is gone.
    """

    network: nn.Module
    architecture: Architecture
    config: FederatedConfig
    n_clients: int
    n_images: int | None
    data: ImageData | None = None
    checkpoint: Path | None = None
    settings: dict[str, object] = field(default_factory=dict)
    on_round: OnRound | None = None
    seeded_noise: bool = False
    catch_interrupt: bool = True

    def __post_init__(self) -> None:
        with quiet():
            self.strategy = CheckedStrategy(
                self.config,
                self.architecture,
                weights_of(self.network),
                counters_of(self.network),
                self.n_clients,
                seeded_noise=self.seeded_noise,
            )
        self.rounds: list[Round] = []
        self._elapsed_before = 0.0
        self._stop = StopRequest()
        self._images_before = 0
        self._secure: SecureGrid | None = None
        self._settings = {"config": self.config.to_dict(), "architecture": self.architecture.digest} | self.settings

    def restore(self) -> set[int]:
        """Go back to the state in the checkpoint; return the clients that have the architecture.

        Raises:
            OutputError: there is no checkpoint.
            FileFormatError: it is damaged or of another run.
            InvalidValueError: more rounds were done than are wanted.
        """
        if self.checkpoint is None or not self.checkpoint.is_file():
            raise OutputError(f"nothing to resume: no checkpoint at {self.checkpoint}; start without resume")
        saved = read_checkpoint(self.checkpoint, self._settings)
        if len(saved.history.rounds) > self.config.rounds:
            done = f"{self.checkpoint} has {len(saved.history.rounds)} already"
            raise InvalidValueError(
                f"rounds: expected as many as were done or more, found {self.config.rounds}; {done}"
            )
        if problem := difference({name: each.shape for name, each in self.strategy.weights.items()}, saved.weights):
            raise FileFormatError(f"{self.checkpoint}: {problem}")
        # in the network's order, which momentum, noise and rounding go by; the file has an order of its own
        self.strategy.weights = {name: saved.weights[name] for name in self.strategy.weights}
        self.strategy.counters = saved.counters
        restore_strategy_(self.strategy.inner, saved.strategy)
        self.strategy.informed = set(saved.informed)
        self.rounds = list(saved.history.rounds)
        self.strategy.first_round = len(self.rounds)
        self._images_before = saved.history.n_images
        self._elapsed_before = self.rounds[-1].elapsed_seconds if self.rounds else 0.0
        return self.strategy.informed

    def run(self, grid: Grid) -> FederatedHistory:
        """Run the rounds that are left and return all; Ctrl-C ends after the running round, a second one at once.

        Raises:
            OutputError: the checkpoint cannot be written.
        """
        left = self.config.rounds - len(self.rounds)
        if self.config.secure_aggregation:
            grid = self._secure = SecureGrid(grid, self.config.largest_client)
        self._started = time.perf_counter()
        interrupted = False
        try:
            catch = stop_on_interrupt() if self.catch_interrupt else nullcontext(self._stop)
            with quiet(), catch as self._stop:
                if left and not self._at_target():
                    self.strategy.start(
                        grid,
                        record_of_each(self.strategy.weights),
                        num_rounds=left,
                        timeout=self.config.timeout,
                        evaluate_fn=self._after_round,
                    )
        except _StopError:
            interrupted = self._stop.requested and not self._finished()
        except KeyboardInterrupt:
            interrupted = True
        set_state_(self.network, self.strategy.weights, self.strategy.counters)
        self.network.eval()
        return self.history(interrupted)

    def history(self, interrupted: bool = False) -> FederatedHistory:
        """Return what was recorded so far."""
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        local = self.config.local
        return FederatedHistory(
            rounds=tuple(self.rounds),
            n_parameters=parameters,
            batch_size=local.batch_size,
            n_images=self.n_images or max(self._images_before, sum(self.strategy.images.values())),
            learning_rate=local.optimizer.lr or 0.0,
            seed=self.config.seed,
            interrupted=interrupted,
        )

    def _after_round(self, server_round: int, arrays: ArrayRecord) -> MetricRecord | None:  # noqa: ARG002
        """Record a round; Flower calls this at the start too, with 0."""
        if server_round == 0:
            return None
        number, traffic = server_round + self.strategy.first_round, self.strategy.traffic
        if self._secure is not None:
            traffic.bytes_down, traffic.bytes_up = self._secure.bytes_down, self._secure.bytes_up
        error = loss = None
        if self.data is not None and (number % self.config.evaluate_every == 0 or number == self.config.rounds):
            error, loss = self._evaluate(self.data)
        self.rounds.append(
            Round(
                number=number,
                updates=number * self.config.local.updates,
                asked=traffic.asked,
                answered=traffic.answered,
                refused=tuple(traffic.refused),
                surplus=tuple(traffic.surplus),
                bytes_down=traffic.bytes_down,
                bytes_up=traffic.bytes_up,
                steps=traffic.steps,
                client_seconds=traffic.client_seconds,
                elapsed_seconds=self._elapsed_before + time.perf_counter() - self._started,
                train_loss=traffic.train_loss if traffic.answered else None,
                test_error=error,
                test_loss=loss,
            )
        )
        self._save()
        if self.on_round is not None:
            self.on_round(self.history())
        if self._stop.requested or self._at_target():
            raise _StopError
        return None

    def _evaluate(self, data: ImageData) -> tuple[float, float]:
        set_state_(self.network, self.strategy.weights, self.strategy.counters)
        with torch.no_grad():
            found = evaluate(OneProcess(), self.network, data, _EVALUATION_BATCH)
        assert found is not None  # noqa: S101
        return found

    def _at_target(self) -> bool:
        target, last = self.config.target_error, self.rounds[-1] if self.rounds else None
        return bool(target is not None and last and last.test_error is not None and last.test_error <= target)

    def _finished(self) -> bool:
        return len(self.rounds) == self.config.rounds or self._at_target()

    def _save(self) -> None:
        if self.checkpoint is not None:
            saved = Saved(
                weights=self.strategy.weights,
                counters=self.strategy.counters,
                strategy=strategy_state(self.strategy.inner),
                informed=tuple(sorted(self.strategy.informed)),
                history=self.history(),
            )
            write_checkpoint(self.checkpoint, saved, self._settings)
