"""Names of solvers are parsed once: what is whose argument, in names within names."""

import pytest

from tellus.config.solver_spec import SolverSpec
from tellus.errors import InputError

NAMES = {
    "direct": [("direct", ())],
    "skip:10": [("skip", ("10",))],
    "skip:5:linear:reduced:2": [("skip", ("5", "linear")), ("reduced", ("2",))],
    "skip:tol=1e-2:lagged:tol=1e-4": [("skip", ("tol=1e-2",)), ("lagged", ("tol=1e-4",))],
    "anchored:50:coarse:4": [("anchored", ("50",)), ("coarse", ("4",))],
    "check:skip:3:surrogate:/a/b": [
        ("check", ()),
        ("skip", ("3",)),
        ("surrogate", ("/a/b",)),
    ],
    "guarded:surrogate:/a/b": [("guarded", ()), ("surrogate", ("/a/b",))],
    "guarded:tol=0.1:surrogate": [("guarded", ("tol=0.1",)), ("surrogate", ())],
    "iterative:cold:tol=1e-8": [("iterative", ("cold", "tol=1e-8"))],
    "iterative:cold:from:surrogate:c:d": [
        ("iterative", ("cold", "from")),
        ("surrogate", ("c", "d")),
    ],
    "mumps:lu:pord": [("mumps", ("lu", "pord"))],
    "own:mine and yours": [("own", ("mine and yours",))],
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_its_kind_its_arguments_and_the_solver_within(name: str) -> None:
    spec = SolverSpec.parse(name)
    assert [(part.kind, part.arguments) for part in spec.chain()] == NAMES[name]
    assert str(spec) == name


def test_names_within_names_have_an_end() -> None:
    assert len(SolverSpec.parse("check:" * 20 + "direct").kinds) == 21
    with pytest.raises(InputError, match="20 deep"):
        SolverSpec.parse("check:" * 3000 + "direct")


def test_the_path_of_weights_wherever_it_stands() -> None:
    assert SolverSpec.parse("surrogate:surrogate:mine").weights == "surrogate:mine"
    for before in ("", "skip:5:linear:", "anchored:tol=1e-2:", "iterative:from:", "check:skip:2:"):
        spec = SolverSpec.parse(f"{before}surrogate:models/c:d")
        assert spec.weights == "models/c:d"
        assert str(spec.with_path("/there")) == f"{before}surrogate:/there"
    for name in ("surrogate", "surrogate:", "skip:2:reduced:4"):
        assert SolverSpec.parse(name).weights == ""
    assert str(SolverSpec.parse("reduced:4").with_path("/there")) == "reduced:4"
