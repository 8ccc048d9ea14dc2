"""Pickles are read and never executed; scalers of series have their numbers in one."""

from __future__ import annotations

import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
from hpi_runtime.errors import EngineError
from hpi_runtime.pickles import reading as pickles
from hpi_runtime.pickles.arrays import count
from hpi_runtime.series.scaler import Scaler
from hypothesis import given
from hypothesis import strategies as st
from sklearn import preprocessing
from support.programs import Program

PLAIN = {
    "numbers": [np.eye(3), np.asfortranarray(np.ones((2, 3))), np.zeros((0, 3)), np.float64(3), np.int32(1)],
    "texts": [np.array(["a", "bc"]), np.array([b"ab"]), "x", b"z", b""],
    "others": (None, True, 2.5, 10**30, (), (1,), (1, 2, 3, 4), [[]], {}),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_values_and_arrays_are_read_and_programs_are_not(
    protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = pickles.read(pickle.dumps(PLAIN, protocol))
    assert found["others"] == PLAIN["others"]
    assert found["texts"][2:] == PLAIN["texts"][2:]
    for value in (Program(), {"a": np.array([Program()], object)}, print, np.load, preprocessing.StandardScaler()):
        with pytest.raises(ValueError, match=r"could run anything|of the type 'O8'"):
            pickles.read(pickle.dumps(value, protocol))
    for data in (b"no pickle", b"", pickle.dumps(PLAIN, protocol)[:-20]):
        with pytest.raises(ValueError, match=r"no plain pickle|no end"):
            pickles.read(data)
    assert not Path("ran").exists()


# What somebody found who looked for a way around a list of names, one line each.
_TYPE = b"cnumpy\ndtype\n(V%b\nI00\nI01\ntR"
TRICKS = {
    "changes a function that it names": b"cnumpy._core.numeric\n_frombuffer\n}V__defaults__\nI1\nsb.",
    "makes numbers of pointers": _TYPE % b"O8" + b".",
    "takes the flags of pointers away": _TYPE % b"f8" + b"(I3\nV|\nNNNI-1\nI-1\nI32\ntb.",
    "asks for two gigabytes": _TYPE % b"V2000000000" + b".",
    "makes an array of nothing but a size": b"cnumpy\nndarray\n((I1000000000\nttR.",
    "has fewer bytes than its shape": (
        b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntc_codecs\nencode\n(Vb\nVlatin1\ntRtR"
        + b"(I1\n(I9\nt"
        + _TYPE % b"f8"
        + b"I00\nc_codecs\nencode\n(Vx\nVlatin1\ntRtb."
    ),
    "decodes into another name": b"c_codecs\nencode\n(Vflfgrz\nVrot13\ntR.",
    "takes an instance of the old kind": b"(ios\nsystem\n.",
    "reaches for what others keep": b"Ppersistent\n.",
    "has arrays as keys": b"}cnumpy._core.multiarray\nscalar\n("
    + _TYPE % b"i1"
    + b"c_codecs\nencode\n(V\x01\nVlatin1\ntRtRI1\ns.",
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_pickle_that_goes_around_the_list_is_refused(trick: str) -> None:
    with pytest.raises(ValueError):
        pickles.read(TRICKS[trick], has_scaler=True)


_DEEP = b"\x80\x04}" + b")" + b"\x85" * 300_000
_SHARED = b"\x80\x04)" + b"".join(b"q%c h%c\x86".replace(b" ", b"") % (n, n) for n in range(60))


@pytest.mark.parametrize(
    "data",
    [
        _DEEP + b"Ns.",
        _SHARED + b"}h;Ns.",
        _SHARED + b")R.",
        b"\x80\x02)" + b"\x85" * 300_000 + b")\x81.",
    ],
    ids=["a deep key", "a shared key", "a shared function", "a deep class"],
)
def test_what_would_take_for_ever_or_overflow_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(ValueError):
        pickles.read(data, has_scaler=True)


@pytest.mark.parametrize("shape", [(1 << 900, 1 << 900), (1,) * 33, (-1,), [3]])
def test_a_shape_that_no_array_has_is_refused(shape: object) -> None:
    with pytest.raises(ValueError, match="without a shape"):
        count(shape)


def test_a_number_of_no_size_that_numpy_has_is_refused(tmp_path: Path) -> None:
    scaler = preprocessing.StandardScaler().fit(COLUMNS)
    data = pickle.dumps(scaler, protocol=2).replace(b"f8", b"f3")
    (tmp_path / "scaler.pkl").write_bytes(data)
    with pytest.raises(EngineError, match="cannot be used"):
        Scaler(tmp_path / "scaler.pkl")


# -- scalers -------------------------------------------------------------------------------------

COLUMNS = np.random.default_rng(5).normal(3, 40, (30, 3))
SCALERS = [
    preprocessing.StandardScaler(),
    preprocessing.StandardScaler(with_mean=False),
    preprocessing.StandardScaler(with_std=False),
    preprocessing.StandardScaler(with_mean=False, with_std=False),
    preprocessing.MinMaxScaler((-2, 7)),
    preprocessing.MaxAbsScaler(),
    preprocessing.RobustScaler(),
    preprocessing.RobustScaler(with_centering=False),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_a_scaler_read_from_its_pickle_does_what_scikit_learns_does(
    tmp_path: Path, scaler: preprocessing.StandardScaler, dtype: type
) -> None:
    scaler.fit(COLUMNS)
    values: np.ndarray = (COLUMNS[:7] * 1.7).astype(dtype)
    for number, write in enumerate((joblib.dump, _pickled)):
        path = tmp_path / f"{number}.pkl"
        write(scaler, path)
        own = Scaler(path)
        np.testing.assert_array_equal(own.scale(values), scaler.transform(values.astype(np.float64)))
        # From 1.9 on scikit-learn computes in single precision what is of single precision.
        np.testing.assert_allclose(
            own.restore(values), scaler.inverse_transform(values), rtol=3e-7 if dtype is np.float32 else 0
        )
        assert own.restore(values).dtype == dtype


def _pickled(scaler: preprocessing.StandardScaler, path: Path) -> None:
    path.write_bytes(pickle.dumps(scaler, protocol=2))


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_what_a_scaler_makes_it_takes_back(mean: float, deviation: float) -> None:
    fitted = preprocessing.StandardScaler()
    fitted.mean_, fitted.scale_ = np.array([mean]), np.array([deviation])
    own = Scaler.__new__(Scaler)
    own._steps = [(np.subtract, np.add, fitted.mean_), (np.divide, np.multiply, fitted.scale_)]
    values = np.array([[mean], [mean + deviation], [0.0]])
    np.testing.assert_allclose(own.restore(own.scale(values)), values, rtol=1e-9, atol=1e-9 * max(1, abs(mean)))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([1.0], "it holds no scaler"),
        (preprocessing.MinMaxScaler(clip=True).fit(COLUMNS), "clip=True"),
        (preprocessing.StandardScaler(), "has no `mean_`"),
        (Program(), "could run anything"),
        (np.array(["a"]), "it holds no scaler"),
    ],
)
def test_what_is_no_scaler_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    joblib.dump(value, "scaler.pkl")
    with pytest.raises(EngineError, match=f"scaler.pkl cannot be used: .*{told}"):
        Scaler(Path("scaler.pkl"))
    assert not Path("ran").exists()


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_scaler_with_a_number_that_is_none_is_refused(tmp_path: Path, number: float) -> None:
    scaler = preprocessing.StandardScaler().fit(COLUMNS)
    scaler.mean_[1] = number
    joblib.dump(scaler, tmp_path / "scaler.pkl")
    with pytest.raises(EngineError, match="not a finite number for each column"):
        Scaler(tmp_path / "scaler.pkl")


def test_a_scaler_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"scaler\.pkl cannot be used"):
        Scaler(tmp_path / "scaler.pkl")
