"""What the claims say where runs are missing, or differ from each other."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from claim_cases import FALLING, FEW_RUNS, FOUR
from made_up_runs import made_up_runs

from invariance_tf.paper import claims, studies, tables
from invariance_tf.paper.claims import networks
from invariance_tf.paper.studies import transforms_of

CURVE = {"num_neurons": 4, "with_references": False, "n_seen": (4, 20, 36)}


def judge(number, runs, study="faces", **others):
    (verdict,) = claims.judge_claim(number, {**others, study: runs})
    return verdict


def without(runs, transforms, n_seen, seed):
    """Leaves out the runs of transformations at some n_seen of a seed."""
    table = runs.runs
    is_lost = table["transform"].isin(transforms)
    is_lost &= table.n_seen.isin(n_seen) & (table.seed == seed)
    assert is_lost.any()
    return runs.select(~is_lost)


def join(*parts):
    return tables.Runs(
        **{
            name: pd.concat(
                [part.tables()[name] for part in parts], ignore_index=True
            )
            for name in parts[0].tables()
        }
    )


def rising(transform, share, seed):
    """Rises with the share of seen categories, alike for all."""
    return 0.1 + 0.8 * share + 0.02 * seed


def test_lost_runs_do_not_make_one_family_better_than_another():
    runs = made_up_runs(across=rising, **CURVE)
    lost = without(runs, networks.ROTATIONS, [36], seed=1)
    for study in (runs, lost):
        verdict = judge("C4", study)
        assert verdict.verdict != "holds"
        np.testing.assert_allclose(verdict.detail.effect, 0, atol=0.02)


def test_a_seed_without_all_of_its_runs_does_not_count():
    runs = made_up_runs(**FEW_RUNS)
    one_seed = judge("C7", made_up_runs(**FEW_RUNS, seeds=(0,)), "imagenet")
    # Of the second seed only the networks that saw all are there yet.
    started = without(runs, FOUR, [4, 36], seed=1)
    verdict = judge("C7", started, "imagenet")
    assert verdict.verdict == "undecided"
    assert verdict.effect == one_seed.effect
    assert "fewer than 2 seeds, for any" in verdict.missing[0]


def test_an_n_seen_of_which_a_seed_is_missing_is_not_passed_over():
    def across(transform, share, seed):
        return 0.5 + (0.3 if share > 0.8 else -0.2 * share)

    runs = made_up_runs(**CURVE, across=across)
    assert judge("C1", runs).verdict == "holds"
    # By 4 and 20 of 40 alone, accuracy falls.
    lost = without(runs, transforms_of("faces"), [36], seed=1)
    assert judge("C1", lost).verdict == "undecided"


def test_a_transformation_without_a_whole_seed_leaves_a_claim_open():
    runs = made_up_runs(**FEW_RUNS)
    for seed in (0, 1):
        runs = without(runs, ["blur"], [36], seed)
    verdict = judge("C7", runs, "imagenet")
    assert verdict.verdict == "undecided"
    assert verdict.missing[0].endswith(": runs missing, for blur")


def test_layers_are_in_order_though_a_network_has_but_the_last():
    runs = made_up_runs(**FEW_RUNS)
    first = runs.layers.run.iloc[0]
    is_lost = (runs.layers.run == first) & (runs.layers.layer != "fc6")
    some = dataclasses.replace(runs, layers=runs.layers[~is_lost])
    whole, part = (judge("C10", study, "imagenet") for study in (runs, some))
    assert whole.verdict == part.verdict == "holds"
    assert part.effect == pytest.approx(whole.effect)


@pytest.mark.parametrize("number", ["C11", "C14"])
def test_neurons_are_compared_at_one_threshold(number):
    runs = made_up_runs(n_seen=(), num_neurons=8)
    assert judge(number, runs).verdict != "undecided"
    is_other = runs.runs["transform"] == "rotate90"
    tau = runs.runs.tau.where(~is_other, 0.5)
    runs = dataclasses.replace(runs, runs=runs.runs.assign(tau=tau))
    verdict = judge(number, runs)
    assert verdict.verdict == "undecided"
    assert "at one tau" in verdict.missing[-1]


def test_two_networks_are_compared_at_one_threshold():
    alexnet = made_up_runs(n_seen=(), num_neurons=8)

    def high(transform, share, seed, group):
        return 0.3 + 0.5 * share + 0.01 * seed

    laws = {"n_seen": (4, 36), "num_neurons": 8, "invariance": high}
    inception = made_up_runs(network="inception", **laws)
    assert judge("C15", inception, "inception", faces=alexnet).effect > 0
    found = judge("C15", inception, "inception", faces=alexnet)
    other = inception.runs.assign(tau=0.5)
    other = dataclasses.replace(inception, runs=other)
    verdict = judge("C15", other, "inception", faces=alexnet)
    assert (found.verdict, verdict.verdict) == ("holds", "undecided")
    assert "at one tau" in verdict.missing[-1]


def test_alexnets_at_chance_are_told_where_inception_is_compared_with_them():
    def high(transform, share, seed, group):
        return 0.3 + 0.5 * share + 0.01 * seed

    alexnet = made_up_runs(n_seen=(), num_neurons=8, seeds=(0, 1, 2))
    laws = {"n_seen": (4, 36), "num_neurons": 8, "seeds": (0, 1, 2)}
    inception = made_up_runs(network="inception", **laws, invariance=high)
    is_lost = alexnet.runs.seed == 2
    marked = alexnet.runs.assign(is_at_chance=is_lost)
    alexnet = dataclasses.replace(alexnet, runs=marked)
    found = judge("C15", inception, "inception", faces=alexnet)
    text = f"networks at chance on original images: {is_lost.sum()}"
    assert text in found.missing
    # Where there is nothing to compare them with, nothing is said.
    (alone,) = claims.judge_claim("C15", {"faces": alexnet})
    assert alone.verdict == "undecided"
    assert not any("at chance" in each for each in alone.missing)


def test_what_is_missing_of_differences_is_not_said_of_transformations():
    runs = made_up_runs(**CURVE)
    missing = judge(
        "C16", runs.select(runs.runs["transform"] != "blur")
    ).missing
    assert any("runs missing" in text for text in missing)
    assert not any("any transformation" in text for text in missing)


def test_one_seed_does_not_decide_a_correlation():
    runs = made_up_runs(**CURVE, seeds=(0,), invariance=FALLING)
    verdict = judge("C9", runs)
    assert verdict.effect < -0.5 and verdict.high < 0
    assert verdict.verdict == "undecided"


def test_a_seed_that_two_transformations_share_by_chance_changes_little():
    def across(transform, share, seed):
        return share * (0.3 + 0.01 * (seed % 10))

    laws = {**CURVE, "across": across}
    names = transforms_of("faces")
    parts = [
        made_up_runs(**laws, transforms=(name,), seeds=(10 * k, 10 * k + 1))
        for k, name in enumerate(names)
    ]
    # The first seed of the second transformation.
    again = made_up_runs(**laws, transforms=names[:1], seeds=(10,))
    verdict = judge("C1", join(*parts, again))
    assert verdict.verdict == "holds"
    assert 0.3 <= verdict.low < verdict.effect < verdict.high < 0.31


def test_of_two_equal_strengths_the_order_of_runs_does_not_choose():
    one = other = made_up_runs(**CURVE)
    other = other.select(other.runs["transform"] == "blur")
    renamed = [
        table.assign(run=table.run + "-x") for table in other.tables().values()
    ]
    other = tables.Runs(**dict(zip(other.tables(), renamed, strict=True)))
    args = one.runs.transform_args.where(
        one.runs["transform"] != "blur", '{"sigma": 4.0}'
    )
    one = dataclasses.replace(one, runs=one.runs.assign(transform_args=args))
    other = dataclasses.replace(
        other, runs=other.runs.assign(transform_args='{"sigma": 7.5}')
    )
    found = [
        studies.find_studies(join(*parts))[0]["faces"].runs
        for parts in ((one, other), (other, one))
    ]
    assert {*found[0].run} == {*found[1].run} < {*one.runs.run, *other.runs.run}


def test_own_transformations_do_not_count():
    runs = made_up_runs(**CURVE)
    own = made_up_runs(**CURVE, transforms=("my_lab.filters:sharpen",))
    for number in ("C1", "C4", "C7", "C8", "C16"):
        one, other = (judge(number, each) for each in (runs, join(runs, own)))
        pd.testing.assert_frame_equal(one.detail, other.detail)


def test_seeds_of_one_network_alone_do_not_change_what_others_reach():
    def other(trained, tested):
        return 0.6 if trained == "identity" else 0.2

    laws = {"n_seen": (), "num_neurons": 4, "other": other}
    runs = made_up_runs(**laws)
    identity = runs.select(runs.runs["transform"] == "identity")
    third = [
        table.assign(seed=2, run=table.run.str.replace("-s0-", "-s2-"))
        for table in identity.select(identity.runs.seed == 0).tables().values()
    ]
    third = tables.Runs(**dict(zip(identity.tables(), third, strict=True)))
    one, other = (judge("C3", each) for each in (runs, join(runs, third)))
    assert one.effect == pytest.approx(other.effect)


def test_seeds_that_some_transformations_lack_do_not_change_it_either():
    def other(trained, tested):
        return 0.6 if trained == "identity" else 0.2

    laws = {"n_seen": (), "num_neurons": 4, "other": other}
    runs = made_up_runs(**laws, seeds=(0, 1, 2))
    is_whole = runs.runs.seed < 2
    lacking = ["identity", "blur", "highpass", "thinning"]
    has_third = ~runs.runs["transform"].isin(lacking)
    two, part = (
        judge("C3", runs.select(keep))
        for keep in (is_whole, is_whole | has_third)
    )
    assert part.effect == pytest.approx(two.effect)


def test_networks_that_saw_nobody_transformed_are_untrained_by_any_name():
    def other_accuracy(trained, tested):
        return 0.6 if trained == "identity" else 0.2

    runs = made_up_runs(n_seen=(), num_neurons=4, other=other_accuracy)
    named = [
        table.assign(transform=table["transform"].replace("identity", "blur"))
        for table in runs.tables().values()
    ]
    named = tables.Runs(**dict(zip(runs.tables(), named, strict=True)))
    one, other = (judge("C3", each) for each in (runs, named))
    pd.testing.assert_frame_equal(one.detail, other.detail)


@pytest.mark.parametrize("number", ["C3", "C12", "C13"])
def test_networks_at_chance_have_no_share_of_what_is_above_it(number):
    runs = made_up_runs(n_seen=(), num_neurons=4, seeds=(0, 1, 2))
    missing = without(runs, ["blur"], [40], seed=2)
    (name,) = {*runs.runs.run} - {*missing.runs.run}
    chance = 1 / 40

    def lose(table):
        is_lost = table.run == name
        # A little above: by numbers alone there would be a share.
        nearly = chance + 1e-4 * (1 + table.index % 3)
        return table.assign(accuracy=table.accuracy.mask(is_lost, nearly))

    lost = dataclasses.replace(
        runs,
        runs=runs.runs.assign(is_at_chance=runs.runs.run == name),
        accuracy=lose(runs.accuracy),
        ablation=lose(runs.ablation),
    )
    shares = [
        detail[detail.effect_name.str.contains("accuracy left")]
        for detail in (judge(number, each).detail for each in (lost, missing))
    ]
    assert len(shares[0]) > 1
    pd.testing.assert_frame_equal(*shares)


def test_a_verdict_that_networks_at_chance_decide_is_named():
    def invariance(transform, share, seed, group):
        is_lost = transform == "blur" and share == 0.9 and seed == 2
        return -50.0 if is_lost else 0.1 + 0.3 * share

    runs = made_up_runs(**CURVE, seeds=(0, 1, 2), invariance=invariance)
    is_lost = runs.runs["transform"].eq("blur") & runs.runs.n_seen.eq(36)
    is_lost &= runs.runs.seed == 2
    table = runs.runs.assign(is_at_chance=is_lost)
    verdict = judge("C7", dataclasses.replace(runs, runs=table))
    assert verdict.verdict == "undecided"
    assert verdict.missing[-1] == (
        "networks at chance on original images: 1 (without them: holds)"
    )
    # Where they change nothing, their number is enough, and if all are.
    verdict = judge("C8", dataclasses.replace(runs, runs=table))
    assert verdict.missing[-1] == "networks at chance on original images: 1"
    table = table.assign(is_at_chance=True)
    for number in ("C1", "C9", "C12", "C13", "C16"):
        verdict = judge(number, dataclasses.replace(runs, runs=table))
        assert verdict.missing[-1].endswith(f"images: {len(table)}")


def test_what_rests_on_the_seeds_of_one_transformation_is_named():
    def invariance(transform, share, seed, group):
        return 0.1 + share * (0.3 + 0.01 * (seed % 2))

    parts = [
        made_up_runs(
            **CURVE,
            transforms=(name,),
            seeds=(2 * position, 2 * position + 1)[: 1 + (name == "blur")],
            invariance=invariance,
        )
        for position, name in enumerate(transforms_of("faces"))
    ]
    verdict = judge("C7", join(*parts))
    assert verdict.verdict == "holds on average"
    assert verdict.needs_pooling == ["mean over transformations"]
    # One seed shows nothing, and two of one transformation not enough.
    assert (verdict.num_shown, verdict.num_claimed) == (0, 12)


def test_networks_without_transformed_images_may_have_any_seeds():
    """Those of `n_seen: 0` of each transformation have its seeds."""
    noise = np.random.default_rng(0).normal(0, 0.01, 1000)

    def invariance(transform, share, seed, group):
        return 0.2 + 0.3 * share + noise[seed]

    parts = [
        made_up_runs(
            num_neurons=4,
            transforms=(name,),
            n_seen=(0,),
            seeds=range(10 * position, 10 * position + 3),
            invariance=invariance,
        )
        for position, name in enumerate(transforms_of("faces"))
    ]
    runs = join(*parts)
    verdict = judge("C6", runs.select(runs.runs["transform"] != "identity"))
    assert verdict.verdict == "holds"
    assert verdict.effect == pytest.approx(0.3)
    assert verdict.low < verdict.effect < verdict.high


def test_why_there_is_no_interval_is_said():
    def invariance(transform, share, seed, group):
        is_geometric = transform in ("rotate90", "rotate180", "thinning")
        return 0.5 + share * (0.3 if is_geometric else -0.1) + 0.01 * seed

    verdict = judge("C16", made_up_runs(**CURVE, invariance=invariance))
    assert verdict.verdict == "undecided"
    assert "no interval from these seeds or values" in verdict.missing[0]


def test_of_equal_trainings_that_with_measured_neurons_counts():
    runs = made_up_runs(**CURVE)
    again = runs.select(runs.runs["transform"] == "blur")
    again = {
        name: table.assign(run=table.run + "-again")
        for name, table in again.tables().items()
    }
    again["runs"] = again["runs"].assign(tau=np.nan, evaluate_on="all")
    both = join(runs, tables.Runs(**again))
    kept = studies.find_studies(both)[0]["faces"].runs
    assert {*kept.run} == {*runs.runs.run}
