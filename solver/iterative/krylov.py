"""Conjugate gradients and BiCGStab for a batch of systems A psi = b, each with its own end."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from tellus.solver.psi.torch_operator import TorchPsiOperator, inner


class Preconditioner(Protocol):
    """An approximation of A^-1 that takes that many products with A; NaN where there is none."""

    products: int

    def __call__(self, residual: Tensor) -> Tensor:
        """Nearly A^-1 of a residual, shape (batch, ny-1, nx-1)."""
        ...


@dataclass(frozen=True)
class Stopping:
    """When a system counts as solved: once every number given here is reached.

    Parameters
    ----------
    residual : float, optional
        Largest |b - A psi| / |b|.
    velocity : float, optional
        Largest change of the velocity in an iteration over the velocity, both as root mean
        squares. Where an iteration takes away most of the error the change bounds what is left.
    limit : int
        Most iterations.
    """

    residual: float | None = 1e-6
    velocity: float | None = None
    limit: int = 500


class BatchSolution(NamedTuple):
    """psi of many independent problems, and of each, shape (batch,), how its solve ended.

    `iterations` until it was solved, the relative `residual`, the last relative `change` of the
    velocity, and whether it is `solved`. `products` with A on the finest grid, those of the
    preconditioner among them, are counted per batch.
    """

    psi: Tensor
    iterations: Tensor
    residual: Tensor
    change: Tensor
    solved: Tensor
    products: int


def conjugate_gradients(
    A: TorchPsiOperator, precondition: Preconditioner, b: Tensor, start: Tensor, stopping: Stopping
) -> BatchSolution:
    """Preconditioned conjugate gradients.

    Parameters
    ----------
    A : TorchPsiOperator
    precondition : Preconditioner
        Symmetric and positive definite.
    b, start : Tensor, shape (batch, ny-1, nx-1)
        Right-hand sides, and psi to begin with; both stay as they are.
    stopping : Stopping
    """
    psi, residual = start.clone(), b - A(start)
    watch = _Watch(A, b, residual, stopping)
    direction, product = torch.zeros_like(b), torch.ones_like(watch.scale)
    while watch.open():
        correction = precondition(residual)
        before, product = product, inner(residual, correction)
        direction = torch.addcmul(correction, direction, watch.only_open(product / before))
        image = A(direction)
        length = watch.only_open(product / inner(direction, image))
        step = length * direction
        psi += step
        residual.addcmul_(length, image, value=-1.0)
        watch.see(residual, psi, step)
    return watch.result(psi, 1 + precondition.products)


def bicgstab(
    A: TorchPsiOperator, precondition: Preconditioner, b: Tensor, start: Tensor, stopping: Stopping
) -> BatchSolution:
    """Van der Vorst (1992), preconditioned from the right.

    Parameters
    ----------
    A : TorchPsiOperator
    precondition : Preconditioner
        Needs no symmetry.
    b, start : Tensor, shape (batch, ny-1, nx-1)
        Right-hand sides, and psi to begin with; both stay as they are.
    stopping : Stopping
    """
    psi, residual = start.clone(), b - A(start)
    watch = _Watch(A, b, residual, stopping)
    shadow = residual.clone()
    direction, image = torch.zeros_like(b), torch.zeros_like(b)
    product = length = weight = torch.ones_like(watch.scale)
    while watch.open():
        before, product = product, inner(shadow, residual)
        ratio = watch.only_open(product / before * (length / weight))
        direction = residual + ratio * (direction - weight * image)
        corrected = precondition(direction)
        image = A(corrected)
        length = watch.only_open(product / inner(shadow, image))
        half = residual - length * image
        second = precondition(half)
        second_image = A(second)
        weight = watch.only_open(inner(second_image, half) / inner(second_image, second_image))
        step = length * corrected + weight * second
        psi += step
        residual = half - weight * second_image
        watch.see(residual, psi, step)
    return watch.result(psi, 2 * (1 + precondition.products))


METHODS = {"cg": conjugate_gradients, "bicgstab": bicgstab}


class _Watch:
    """Which systems still need iterations. All tensors have the shape (batch, 1, 1)."""

    def __init__(
        self, A: TorchPsiOperator, b: Tensor, residual: Tensor, stopping: Stopping
    ) -> None:
        self._A, self._stopping, self.passed = A, stopping, 0
        self.scale = inner(b, b).sqrt_()
        self._iterations = torch.zeros_like(self.scale, dtype=torch.int64)
        self._change = torch.full_like(self.scale, torch.nan)
        self._failed = torch.zeros_like(self.scale, dtype=torch.bool)
        self._relative = self._relative_to_b(residual)
        self._solved = self._relative == 0.0
        if stopping.velocity is None and stopping.residual is not None:
            self._solved |= self._relative <= stopping.residual
        self._open = ~self._solved

    def _relative_to_b(self, residual: Tensor) -> Tensor:
        """|residual| / |b|; without b its norm, which is zero at rest."""
        norm = inner(residual, residual).sqrt_()
        return torch.where(self.scale > 0.0, norm / self.scale, norm)

    def open(self) -> bool:
        """Whether any system does, and may have them."""
        return self.passed < self._stopping.limit and bool(self._open.any())

    def only_open(self, factor: Tensor) -> Tensor:
        """The factor; zero for systems that are to stay as they are."""
        return torch.where(self._open, factor, 0.0)

    def see(self, residual: Tensor, psi: Tensor, step: Tensor) -> None:
        """Look at all systems after an iteration."""
        self.passed += 1
        self._iterations += self._open
        relative = self._relative_to_b(residual)
        done = torch.ones_like(self._open)
        if self._stopping.residual is not None:
            done &= relative <= self._stopping.residual
        if self._stopping.velocity is not None:
            change = self._A.speed(step) / self._A.speed(psi)
            self._change = torch.where(self._open, change, self._change)
            done &= change <= self._stopping.velocity
        done |= relative == 0.0
        self._relative = torch.where(self._open, relative, self._relative)
        self._failed |= self._open & ~relative.isfinite()
        self._solved |= self._open & done
        self._open = ~self._solved & ~self._failed

    def result(self, psi: Tensor, products: int) -> BatchSolution:
        """The solution and what was measured on the way, at `products` products an iteration."""
        seen = (self._iterations, self._relative, self._change, self._solved)
        iterations, relative, change, solved = (each.flatten() for each in seen)
        counted = 1 + products * self.passed
        return BatchSolution(psi, iterations, relative, change, solved, counted)
