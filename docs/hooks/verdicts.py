"""Tables of claims and figures: what was expected, and what came out."""

import re

import values

from invariance_tf.drawing.style import LOOKS
from invariance_tf.paper.claims import CLAIMS
from invariance_tf.paper.claims.effects import OVER
from invariance_tf.paper.figures.catalogue import FIGURES
from invariance_tf.paper.report.evidence import claimed_range
from invariance_tf.paper.studies import SWEEPS, find_studies, name_in_words


def figures_table(*studies):
    """Returns which sweep makes each figure, what to expect and what came out.

    Args:
        *studies: `Results`; a figure is of the first that has its runs.
    """
    roles = {each: find_studies(each.tables)[0].keys() for each in studies}
    rows = []
    for number, entry in FIGURES.items():
        claims = _claims_of(number)
        sweeps = _sweeps_of(entry)
        results = next(
            (
                each
                for each in studies
                if not entry.roles or {*entry.roles} & roles[each]
            ),
            None,
        )
        title = f"**{number}**"
        obtained = "no runs yet"
        if results is not None:
            name = results.directory.name
            title = f"[{title}](/results/{name}/report.html#picture-{number})"
            sweeps = dict.fromkeys([name, *sweeps] if sweeps else ())
            obtained = _obtained(results, claims)
        rows.append(
            (
                f"{title} {entry.title}",
                ", ".join(f"`{sweep}`" for sweep in sweeps) or "none",
                "<br>".join(f"{c} {CLAIMS[c].statement}" for c in claims),
                obtained,
            )
        )
    return values.make_table(("figure", "sweep", "expected", "obtained"), rows)


def _obtained(results, claims):
    """Returns the verdicts on the claims that a figure shows."""
    # Where two networks are judged, the last is the one that is meant.
    found = results.claims[results.claims.claim.isin(claims)]
    lines = []
    for row in found.drop_duplicates("claim", keep="last").itertuples():
        verdict = values.format_verdict(row.verdict)
        line = f"{row.claim} {verdict}: {values.format_effect(row)}"
        if row.num_claimed:
            line += f"; {values.format_exceptions(row)}"
        lines.append(line)
    return "<br>".join(lines) or "drawn"


def _claims_of(number):
    """Returns the claims that the paper makes with a figure."""
    return [name for name in CLAIMS if number in _figures_of(name)]


def _figures_of(claim):
    """Returns the figures that a claim names: "Figs. 2b and c, 4"."""
    _, _, text = CLAIMS[claim].place.partition("Fig")
    found, digits = set(), ""
    for token in re.findall(r"\b(?:\d+[a-c]?|[a-c])\b", text):
        digits = re.match(r"\d+", token)[0] if token[0].isdigit() else digits
        wanted = token if token[0].isdigit() else digits + token
        found |= {
            name for name in FIGURES if wanted in (name, name.rstrip("abc"))
        }
    return found


def _sweeps_of(entry):
    """Returns the names of the sweeps that make a figure's runs."""
    names = (name for role in entry.roles for name in SWEEPS[role].values())
    return [*dict.fromkeys(names)]


def verdicts_table(study, before, *others):
    """Returns each claim with its effects and its verdicts.

    Args:
        study: `Results` by the present criteria; its effects are shown.
        before: `Results` of an earlier study, by the first criteria and by
            the present ones.
        *others: `Results` of further studies, of one or several networks. Their
            effects are shown where `study` has no runs.
    """
    old, new = before.directory.name, study.directory.name
    tables = {
        f"{old}, first criteria": before.first_claims,
        old: before.claims,
        new: study.claims,
    }
    for each in others:
        tables |= _claims_by_network(each)
    tables = {
        title: table.drop_duplicates("claim").set_index("claim")
        for title, table in tables.items()
    }
    rows = []
    for number, claim in CLAIMS.items():
        details = [each.verdicts[number].detail for each in (study, *others)]
        has_runs = [detail.effect.notna().any() for detail in details]
        detail = details[has_runs.index(True) if any(has_runs) else 0]
        rows.append(
            (
                f"**{number}** {claim.statement}<br>"
                f"<small>{claim.place}: {claim.words}</small>",
                _describe_effects(detail[detail.is_decisive])
                + _describe_others(detail),
                *(
                    values.format_verdict(table.verdict[number])
                    if number in table.index
                    else ""
                    for table in tables.values()
                ),
                "<br>".join(
                    filter(None, _describe_weakness(tables[new].loc[number]))
                ),
            )
        )
    effect = f"criterion, and effect on {new} (95 % interval)"
    titles = ("claim", effect, *tables, f"{new}: shown alone for")
    return values.make_table(titles, rows)


def _claims_by_network(results):
    """Returns the verdicts on each network of a study, by a title."""
    # In words, which a narrow column can break.
    name = results.directory.name.replace("_", " ")
    found = {}
    for role, studied in find_studies(results.tables)[0].items():
        network = name_in_words(studied.runs.network.iloc[0])
        of_network = values.find_rows(results.claims, {"study": role})
        found[f"{name}: {network}"] = of_network
    return found


def _describe_weakness(row):
    """Says for which transformations a claim is shown, and by what."""
    yield values.format_exceptions(row)
    if isinstance(row.needs_pooling, str) and row.needs_pooling:
        names = values.format_labels(row.needs_pooling)
        yield f"undecided without pooling: {names}"


def _describe_others(detail):
    """Says what stands beside the verdict, folded; nothing of single ones."""
    is_single = detail["transform"].isin(LOOKS)
    others = _describe_effects(detail[~detail.is_decisive & ~is_single])
    summary = "<summary>not judged</summary>"
    return f"<details>{summary}{others}</details>" if others else ""


def _describe_effects(detail):
    """Says effects, what the claim asks of each, and how large it is."""
    if not len(detail):
        return ""
    if detail.effect.isna().all():
        return "no runs"
    lines = []
    for name, rows in detail.groupby("effect_name", sort=False):
        found = [
            f"{OVER.get(row.transform) or values.format_labels(row.transform)} "
            f"**{values.format_effect(row, decimals=3)}**"
            for row in rows.itertuples()
        ]
        claimed = claimed_range(*rows[["least", "most"]].iloc[0])
        if rows.is_decisive.any():
            name = f"{name}, {claimed.replace('-', '−')}"
        lines.append(f"{name}: {'; '.join(found)}")
    return f'<span class="effects">{"<br>".join(lines)}</span>'
