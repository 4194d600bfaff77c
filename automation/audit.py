"""The supply chain: known vulnerabilities of what is installed, and a list of what is shipped.

``python automation/audit.py SBOM`` asks pip-audit about every installed package and ends with
status 1 if one has a known vulnerability. Where no advisory service can be reached, it says so and
goes on. Then it writes the list of automation/requirements.txt as a CycloneDX SBOM.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]


def judge(output: str, errors: str) -> tuple[int, list[str]]:
    """What pip-audit found out, from its JSON and its error output.

    Returns:
        The status to end with, and what to say.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except ValueError:
        last = (errors.strip().splitlines() or ["no reason told"])[-1]
        return 0, [f"audit: the advisory service could not be reached, nothing is known: {last}"]
    known = [package for package in packages if "skip_reason" not in package]
    if not known:
        return 0, ["audit: the advisory service knows none of the packages, nothing is known"]
    found = [
        f"audit: {package['name']} {package['version']} has {vulnerability['id']},"
        f" mended in {', '.join(vulnerability['fix_versions']) or 'no version'}"
        for package in known
        for vulnerability in package["vulns"]
    ]
    # The project itself is on no index.
    skipped = len(packages) - len(known)
    summary = f"audit: {len(known)} packages looked up, {skipped} unknown, {len(found)} findings"
    return int(bool(found)), [*found, summary]


def main(sbom: Path) -> int:
    """Audit the environment of this interpreter, and write the SBOM."""
    audit = subprocess.run(  # noqa: S603
        [
            *(sys.executable, "-m", "pip_audit", "--format", "json", "--skip-editable"),
            *("--progress-spinner", "off", "--timeout", "10"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    status, lines = judge(audit.stdout, audit.stderr)
    sbom.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(  # noqa: S603
        [
            *(sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible"),
            *("--pyproject", _ROOT / "pyproject.toml", "-o", sbom),
            _ROOT / "automation" / "requirements.txt",
        ],
        check=True,
    )
    components = json.loads(sbom.read_text(encoding="utf-8"))["components"]
    print(*lines, f"SBOM: {len(components)} packages in {sbom}", sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
