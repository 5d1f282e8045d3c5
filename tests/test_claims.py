import ast
import dataclasses
import fractions
import functools
import math
import pathlib
import re

import numpy as np
import pandas as pd
import pytest
from claim_cases import CASES, FEW_RUNS, FOUR, PAIRS
from made_up_runs import made_up_runs

from invariance_tf.paper import claims, selection, tables
from invariance_tf.paper.claims import limits
from invariance_tf.paper.studies import transforms_of
from invariance_tf.settings.families import FAMILIES

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def alexnet():
    return made_up_runs(n_seen=(), num_neurons=8)


@functools.cache
def few_runs():
    return made_up_runs(**FEW_RUNS)


def judge(number, laws, alexnet=None):
    """Judges a claim by made-up runs of its main or smallest study."""
    settings = {**CASES[number][0], **laws}
    runs = few_runs() if settings == FEW_RUNS else made_up_runs(**settings)
    study = claims.CLAIMS[number].studies[0]
    if set(runs.runs["transform"]) <= {*FOUR, "identity"}:
        study = "imagenet"
    studies = {"faces": alexnet} if study == "inception" else {}
    (verdict,) = claims.judge_claim(number, {**studies, study: runs})
    return verdict


@pytest.mark.parametrize(
    "number, expected, laws",
    PAIRS,
    ids=[f"{number}-{word}" for number, word, _ in PAIRS],
)
def test_claims_are_judged_by_the_laws_of_the_runs(
    number, expected, laws, alexnet
):
    verdict = judge(number, laws, alexnet)
    assert verdict.verdict == expected
    assert verdict.claim == number
    assert (verdict.missing == []) or expected != "holds"
    if expected == "holds":
        effect = CASES[number][-1]
        assert verdict.effect == pytest.approx(effect, abs=0.02)
        assert verdict.low <= verdict.effect + 1e-9 <= verdict.high + 2e-9
    if expected == "undecided":
        assert "more seeds" in verdict.missing[0] or number == "C14"


def test_every_claim_of_the_paper_is_there_and_tested():
    assert [*claims.CLAIMS] == [f"C{number}" for number in range(1, 17)]
    assert CASES.keys() == claims.CLAIMS.keys()


def test_an_exception_is_named_and_leaves_the_mean():
    def across(transform, share, seed):
        return 0.5 + share * (-0.2 if transform == "blur" else 0.2)

    verdict = judge("C1", {"across": across, "with_references": False})
    assert verdict.verdict == "holds on average"
    assert verdict.exceptions == ["blur"]
    assert (verdict.num_shown, verdict.num_claimed) == (3, 4)
    detail = verdict.detail
    detail = detail[detail.effect_name == detail.effect_name[0]]
    detail = detail.set_index("transform")
    assert detail.effect["blur"] == pytest.approx(-0.2)
    assert detail.verdict["blur"] == "does not hold"
    assert detail.verdict["highpass"] == "holds"
    assert detail.effect["mean"] == verdict.effect
    assert verdict.effect == pytest.approx(0.5 * 0.2)
    # Four transformations of which one differs: another four may well be
    # without any effect.
    assert verdict.random_low < 0 < verdict.random_high


def test_what_only_the_pooled_variance_decides_is_named():
    """Thinning varies between seeds; the other transformations do not."""

    def across(transform, share, seed):
        wide = transform == "thinning"
        return 0.3 + share * (0.2 + 0.2 * wide * (seed % 10 - 1))

    names = transforms_of("faces")
    parts = [
        made_up_runs(
            transforms=(name,),
            n_seen=(4, 36),
            seeds=range(10 * position, 10 * position + 3),
            num_neurons=4,
            with_references=False,
            across=across,
        )
        for position, name in enumerate(names)
    ]
    runs = tables.Runs(
        **{
            name: pd.concat([part.tables()[name] for part in parts])
            for name in parts[0].tables()
        }
    )
    (verdict,) = claims.judge_claim("C1", {"faces": runs})
    assert verdict.verdict == "holds"
    assert verdict.needs_pooling == ["thinning"]
    assert claims.to_table([verdict]).needs_pooling[0] == "thinning"


def test_no_sign_is_asked_of_rotations():
    def across(transform, share, seed):
        return 0.5 + share * (-0.1 if transform.startswith("rot") else 0.2)

    runs = made_up_runs(n_seen=(4, 36), num_neurons=4, across=across)
    (verdict,) = claims.judge_claim("C1", {"faces": runs})
    assert verdict.verdict == "holds"
    assert (verdict.num_shown, verdict.num_claimed) == (10, 10)


def test_the_mean_may_hold_where_a_family_does_not():
    def across(transform, share, seed):
        is_noise = transform in FAMILIES["noise"]
        return 0.5 + share * (-0.1 if is_noise else 0.2)

    runs = made_up_runs(n_seen=(4, 36), num_neurons=4, across=across)
    (verdict,) = claims.judge_claim("C1", {"faces": runs})
    assert verdict.verdict == "does not hold"
    assert verdict.low > 0


def test_a_missing_transformation_leaves_a_claim_open():
    for number, words in (("C1", "slope of across"), ("C5", "share of")):
        verdict = judge(number, {"transforms": FOUR[:3]})
        assert verdict.verdict == "undecided"
        assert verdict.missing[0].startswith(words)
        assert verdict.missing[0].endswith(": runs missing, for salt_pepper")
        assert len(verdict.missing) == 2
        assert "needed: networks of every tr" in verdict.missing[1]


def test_one_seed_decides_nothing():
    runs = made_up_runs(**FEW_RUNS, seeds=(0,))
    verdicts = claims.judge({"imagenet": runs})
    assert {verdict.verdict for verdict in verdicts} == {"undecided"}
    for verdict in verdicts:
        if verdict.study == "imagenet":
            assert "fewer than 2 seeds, for any" in " ".join(verdict.missing)


def test_without_a_measure_the_claims_that_need_it_are_open():
    runs = few_runs()
    bare = dict.fromkeys(
        ("neurons", "layers", "active_counts", "ablation", "confusion"),
        pd.DataFrame(columns=[*tables.KEYS]),
    )
    unmeasured = runs.runs.assign(tau=None, penultimate_layer=None)
    runs = dataclasses.replace(runs, runs=unmeasured, **bare)
    verdicts = {
        verdict.claim: verdict
        for verdict in claims.judge({"imagenet": runs})
        if verdict.study == "imagenet"
    }
    told = {n for n, one in verdicts.items() if one.verdict == "holds"}
    assert told == {"C1", "C2", "C3"}
    for number in verdicts.keys() - told:
        assert ": runs missing, for " in " ".join(verdicts[number].missing)
        assert math.isnan(verdicts[number].effect)
    assert "transform: identity, n_seen: 0" in verdicts["C6"].missing[-1]
    assert "analysis: layers" in verdicts["C10"].missing[-1]


def test_only_the_penultimate_layer_says_nothing_of_the_others():
    runs = few_runs()
    layers = runs.layers[runs.layers.layer == "fc6"]
    runs = dataclasses.replace(runs, layers=layers)
    (verdict,) = claims.judge_claim("C10", {"imagenet": runs})
    assert verdict.verdict == "undecided"


def test_inception_is_compared_on_the_same_images_only(alexnet):
    laws = CASES["C15"][1]
    other = alexnet.runs.assign(fingerprint="1" * 64)
    other = dataclasses.replace(alexnet, runs=other)
    verdict = judge("C15", laws, other)
    assert verdict.verdict == "undecided"
    assert "on the same images" in verdict.missing[-1]


def test_a_single_run_at_another_n_seen_changes_nothing():
    runs = few_runs()
    stray = made_up_runs(
        transforms=("blur",), n_seen=(2,), seeds=(0,), with_references=False
    )
    both = tables.Runs(
        **{
            name: pd.concat([table, stray.tables()[name]], ignore_index=True)
            for name, table in runs.tables().items()
        }
    )
    for number in ("C1", "C5", "C7"):
        (one,), (other,) = (
            claims.judge_claim(number, {"imagenet": study})
            for study in (runs, both)
        )
        pd.testing.assert_frame_equal(one.detail, other.detail)


def test_runs_are_compared_at_one_threshold():
    runs = few_runs()
    # The coefficient rises with tau.
    layers = runs.layers.assign(
        mean_invariance=runs.layers.mean_invariance + runs.layers.tau
    )
    tau = runs.runs.tau.where(runs.runs.n_seen > 4, 0.9)
    runs = dataclasses.replace(
        runs, layers=layers, runs=runs.runs.assign(tau=tau)
    )
    (verdict,) = claims.judge_claim("C7", {"imagenet": runs})
    assert verdict.verdict == "holds"
    assert verdict.effect == pytest.approx(0.4)


def test_a_study_has_one_threshold_by_the_rule_of_the_paper():
    # Cost of the inactive: 0 up to tau .1, .4 at .5 and .8 at .9.
    runs = few_runs()
    assert selection.tau_of(runs) == 0.1
    cost = selection.cost_of_inactive(runs)
    assert cost.to_dict() == pytest.approx(
        {0: 0, 0.1: 0, 0.5: 0.4, 0.9: 0.8}, abs=1e-9
    )
    differing = runs.runs.tau.where(runs.runs.n_seen > 4, 0.9)
    runs = dataclasses.replace(runs, runs=runs.runs.assign(tau=differing))
    assert selection.tau_of(runs) == 0.1


def test_saved_tables_give_the_same_verdicts(tmp_path):
    runs = few_runs()
    tables.save_runs(runs, tmp_path)
    first, second = (
        claims.to_table(claims.judge({"imagenet": study}))
        for study in (runs, tables.load_runs(tmp_path))
    )
    assert {*first.verdict} == {"holds", "undecided"}
    pd.testing.assert_frame_equal(first, second, rtol=0, atol=2**-13)


def test_saved_neurons_are_those_of_tests_that_claims_are_about(tmp_path):
    keys = [
        ("highpass", 40, "highpass", True),
        ("highpass", 40, "blur", False),
        ("highpass", 40, "identity", False),
        ("highpass,rotate90", 40, "rotate90", True),
        ("identity", 40, "blur", True),
        ("highpass", 0, "blur", True),
    ]
    columns = ["transform", "n_seen", "test_transform", "is_kept"]
    neurons = pd.DataFrame(keys, columns=columns)
    runs = few_runs()
    others = {*tables.KEYS, *runs.neurons} - {*columns}
    neurons[[*others]] = 0
    neurons["run"], neurons["neuron"] = runs.runs.run[0], range(len(keys))
    measures = np.array([1 / 3, -1e-5, 0, 123.4567, np.nan, 1])
    neurons["specialisation"] = measures
    runs = dataclasses.replace(runs, neurons=neurons)
    tables.save_runs(runs, tmp_path)
    saved = tables.load_runs(tmp_path).neurons
    assert (saved.pop("corrected_invariance") == 0).all()
    kept = neurons[neurons.is_kept].reset_index(drop=True)
    del kept["max_activity"]
    pd.testing.assert_frame_equal(
        saved, kept, check_dtype=False, atol=0, rtol=2**-10
    )
    # 10 bits of the mantissa, of float32's 24.
    bits = saved.specialisation.to_numpy("float32").view("uint32")
    assert not (bits[np.isfinite(saved.specialisation)] % 2**14).any()


def test_the_table_has_a_row_for_each_verdict():
    verdicts = claims.judge({})
    table = claims.to_table(verdicts)
    assert [*table.claim] == [*claims.CLAIMS]
    assert {*table.verdict} == {"undecided"}
    assert table.missing[0].startswith("the faces study: runs missing")
    assert list(claims.to_table([]).columns) == list(table.columns)


def test_an_unknown_claim_is_refused():
    with pytest.raises(ValueError, match="Claims: C1, C2.*'C17'"):
        claims.judge_claim("C17", {})


DOCUMENTED = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")


def test_the_table_of_the_docs_is_that_of_the_code():
    _, table, _ = re.split(r"<!-- claims: \w+ -->\n", DOCUMENTED)
    expected = claims.render_markdown()
    assert table.strip() == expected, (
        "Paste this between the marks of docs/claims.md:\n" + expected
    )


def test_the_docs_state_every_limit_and_where_it_is_from():
    lines = [line for line in DOCUMENTED.splitlines() if line.startswith("|")]
    cells = [line.strip("| ").split(" | ") for line in lines]
    rows = {first: rest for first, *rest in cells}
    for name, value in vars(limits).items():
        if name.isupper():
            stated, claims_of_it, origin = rows[f"`{name}`"][:3]
            ends = [float(fractions.Fraction(n)) for n in stated.split(" to ")]
            assert ends == pytest.approx(np.atleast_1d(value)), name
            assert origin.split(":")[0] in ("paper", "ours"), name
            assert {*claims_of_it.split(", ")} <= {"all", *claims.CLAIMS}


def test_no_limit_hides_in_the_code():
    hidden = {
        f"{path.name}:{node.lineno}: {node.value}"
        for path in pathlib.Path(claims.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and type(node.value) in (int, float)
        and node.value not in (0, 1, 2, 100, 1e-6)
        and path.name != "limits.py"
    }
    assert not hidden
