"""Find vendored moby-style AppArmor profiles and insert ``deny network alg,``."""

__version__ = "0.1.0"
