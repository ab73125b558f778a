"""Repositories: find them, search a commit, write a commit on a branch.

Every call to git goes through `patcher.git.runner`, which lets nothing of a repository run.
Nothing here reads or writes a work tree or an index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from patcher.git.alternates import alternates
from patcher.git.errors import (
    BoundExceeded,
    BranchCheckedOut,
    BranchMoved,
    BranchTaken,
    GitError,
    GitFailed,
    GitTimeout,
    IdentityMissing,
    Misused,
    NoSuchBase,
    OnlyReviews,
    RemoteError,
    RemoteMoved,
    UnbornHead,
)
from patcher.git.values import (
    Alternates,
    Base,
    Blob,
    Failure,
    FileChange,
    Identity,
    Repository,
    Signing,
)
from patcher.lazily import imported
from patcher.text import hidden, printable, without_secret, without_secrets

if TYPE_CHECKING:
    from patcher.git.address import Address, Secret, is_address
    from patcher.git.base_refs import (
        REVIEW_BRANCHES,
        STAGING_BRANCHES,
        bases,
        default_names,
        is_base,
    )
    from patcher.git.commit import write_commit
    from patcher.git.discovery import discover, place_key
    from patcher.git.identity import (
        identities,
        signing,
        user_configuration,
        user_settings,
        user_signs,
    )
    from patcher.git.limits import clock, limited, time_left
    from patcher.git.objects import Objects
    from patcher.git.packs import Store
    from patcher.git.refs import branch_tip, check_branch_name, move_branch, remote_tip
    from patcher.git.regular import checked_once
    from patcher.git.scope import EVERYWHERE, scope_of
    from patcher.git.tree_search import Files, Memory, Query, entries, search
    from patcher.git.tree_search.digests import mentions
    from patcher.git.turns import in_turns, large, next_task

_LATER = {
    "address": "Address Secret is_address",
    "base_refs": "REVIEW_BRANCHES STAGING_BRANCHES bases default_names is_base",
    "commit": "write_commit",
    "discovery": "discover place_key",
    "identity": "identities signing user_configuration user_settings user_signs",
    "limits": "clock limited time_left",
    "objects": "Objects",
    "packs": "Store",
    "refs": "branch_tip check_branch_name move_branch remote_tip",
    "regular": "checked_once",
    "scope": "EVERYWHERE scope_of",
    "tree_search": "Files Memory Query entries search",
    "tree_search.digests": "mentions",
    "turns": "in_turns large next_task",
}
"""By module, the names that are imported when they are first used. (`alternates` has the name of
its module, which would be found in its place.)"""

__all__ = [
    "EVERYWHERE",
    "REVIEW_BRANCHES",
    "STAGING_BRANCHES",
    "Address",
    "Alternates",
    "Base",
    "Blob",
    "BoundExceeded",
    "BranchCheckedOut",
    "BranchMoved",
    "BranchTaken",
    "Failure",
    "FileChange",
    "Files",
    "GitError",
    "GitFailed",
    "GitTimeout",
    "Identity",
    "IdentityMissing",
    "Memory",
    "Misused",
    "NoSuchBase",
    "Objects",
    "OnlyReviews",
    "Query",
    "RemoteError",
    "RemoteMoved",
    "Repository",
    "Secret",
    "Signing",
    "Store",
    "UnbornHead",
    "alternates",
    "bases",
    "branch_tip",
    "check_branch_name",
    "checked_once",
    "clock",
    "default_names",
    "discover",
    "entries",
    "hidden",
    "identities",
    "in_turns",
    "is_address",
    "is_base",
    "large",
    "limited",
    "mentions",
    "move_branch",
    "next_task",
    "place_key",
    "printable",
    "remote_tip",
    "scope_of",
    "search",
    "signing",
    "time_left",
    "user_configuration",
    "user_settings",
    "user_signs",
    "without_secret",
    "without_secrets",
    "write_commit",
]

__getattr__ = imported(__name__, _LATER)
