"""Repositories: find them, search a commit, write a commit on a branch.

Every call to git goes through `patcher.git.runner`, which lets nothing of a repository run.
Nothing here reads or writes a work tree or an index.
"""

from patcher.git.commit import Pack, restore, write_commit
from patcher.git.discovery import discover
from patcher.git.errors import (
    BoundExceeded,
    BranchCheckedOut,
    BranchMoved,
    GitError,
    GitFailed,
    GitTimeout,
    IdentityMissing,
    NoSuchBase,
    UnbornHead,
    printable,
)
from patcher.git.find import entries, mentions, search
from patcher.git.identity import identities, signing, user_configuration
from patcher.git.refs import bases, branch_tip, check_branch_name, move_branch
from patcher.git.values import Base, Blob, Change, Failure, Identity, Repository, Signing

__all__ = [
    "Base",
    "Blob",
    "BoundExceeded",
    "BranchCheckedOut",
    "BranchMoved",
    "Change",
    "Failure",
    "GitError",
    "GitFailed",
    "GitTimeout",
    "Identity",
    "IdentityMissing",
    "NoSuchBase",
    "Pack",
    "Repository",
    "Signing",
    "UnbornHead",
    "bases",
    "branch_tip",
    "check_branch_name",
    "discover",
    "entries",
    "identities",
    "mentions",
    "move_branch",
    "printable",
    "restore",
    "search",
    "signing",
    "user_configuration",
    "write_commit",
]
