"""Gitea and Forgejo."""

from patcher.forges.gitea.listing import parse, repositories, server_at

__all__ = ["parse", "repositories", "server_at"]
