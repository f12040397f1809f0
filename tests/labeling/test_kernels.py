"""What is compiled is kept for the next process, where that can be."""

import numba
import pytest

from labeling import kernels


def test_what_was_compiled_is_kept():
    assert kernels.expect_rows.stats.cache_path


def test_where_nothing_can_be_kept_it_compiles_all_the_same(monkeypatch):
    real = numba.njit

    def njit(*functions, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(*functions, **options)

    monkeypatch.setattr(numba, "njit", njit)

    assert kernels.compiled(lambda x: x + 1)(2) == 3


def test_another_error_is_not_hidden(monkeypatch):
    def njit(**_options):
        raise TypeError("no such option")

    monkeypatch.setattr(numba, "njit", njit)

    with pytest.raises(TypeError, match="no such option"):
        kernels.compiled(lambda x: x)
