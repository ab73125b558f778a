"""Find vendored moby-style AppArmor profiles and insert ``deny network alg,``.

>>> import patcher
>>> result = patcher.patch("docker-default", open("docker-default", "rb").read())  # doctest: +SKIP
>>> [(finding.line, finding.status) for finding in result.findings]  # doctest: +SKIP
"""

from patcher.engine import Edit, Finding, Result, Status
from patcher.proof import patch

__version__ = "0.1.0"

__all__ = ["Edit", "Finding", "Result", "Status", "__version__", "patch"]
